// Each call of the driver's or TensorRT's that can fail is made to, one after the other: a status and a line, results
// as they were, nothing left, and the next call right.
#include "bench_of_trt.h"
#include "on_device.h"

using bench::Engine;
using bench::OnDevice;
using bench::Options;
using bench::Pictures;

namespace {

const lama_trt_shape kSmall = {1, 16, 24}, kLarge = {1, 8, 72}, kHigh = {1, 24, 16};

Options options_of(int graphs, bool floats = false) {
  Options options;
  options.graphs = graphs;
  options.streams = 2;
  options.model = bench::plan((floats ? "float\n" : "") + bench::kTwoProfiles);
  return options;
}

// What a call was made to fail, and how many could be.
struct Outcome {
  bool right = true;
  int calls = 0;
  std::string failed;
};

// Opens, runs all that there is, and closes, where nothing fails: a context that cannot be pushed any more is one that
// the driver has taken away, with all that was in it.
Outcome all_of_it(const Options &options, bool floats) {
  const Engine engine(options);
  Outcome outcome;
  for (unsigned round = 0; round < 5 && engine.engine; ++round)
    for (const lama_trt_shape &shape : {kSmall, kLarge})
      outcome.right &= bench::run(engine, Pictures(shape, round, floats));
  outcome.calls = fake::calls();
  outcome.failed = fake::failed();
  fake::fail_at(0);
  return outcome;
}

bool can_do_without(const std::string &function) {
  for (const char *name : {"cuMemHostAlloc", "cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate",
                           "updateDeviceMemorySizeForShapes"})
    if (function == name) return true;
  return false;
}

void on_hosts_pictures(int graphs, bool floats) {
  const Options options = options_of(graphs, floats);
  fake::fail_at(0);
  const Outcome whole = all_of_it(options, floats);
  bench::check(whole.right && whole.calls > 50, "all of it works where nothing fails", std::to_string(whole.calls));
  for (int call = 1; call <= whole.calls; ++call) {
    fake::fail_at(call);
    const Outcome outcome = all_of_it(options, floats);
    bench::check(!outcome.failed.empty(), "a call was made to fail", std::to_string(call));
    bench::check(outcome.right || !can_do_without(outcome.failed), "it can do without", outcome.failed);
    bench::check(fake::alive(nullptr) == 0, "nothing is left after",
                 outcome.failed + " number " + std::to_string(call));
  }
}

// The engine stays open, and is right again after whatever failed.
void and_then_right(int graphs) {
  const Options options = options_of(graphs);
  for (int call = 1; call < 120; ++call) {
    const Engine engine(options);
    fake::fail_at(call);
    for (unsigned round = 0; round < 3; ++round)
      for (const lama_trt_shape &shape : {kSmall, kHigh, kLarge, kSmall}) bench::run(engine, Pictures(shape, round));
    const std::string failed = fake::failed();
    fake::fail_at(0);
    for (const lama_trt_shape &shape : {kHigh, kSmall, kLarge})
      bench::check(bench::run(engine, Pictures(shape, 9)), "the next is right after", failed);
  }
}

void on_devices_pictures(int graphs) {
  const bench::InContext context;
  const Pictures pictures(kSmall, 1);
  const Options options = options_of(graphs);
  for (int call = 1; call < 60; ++call) {
    const OnDevice images(pictures.images, 0), masks(pictures.masks, 0), results(pictures.images.size(), 0);
    const Engine engine(options);
    const auto run = [&](lama_error *error) {
      return bench::table().run_on_device(engine.engine, &kSmall, images.pointer(), masks.pointer(), results.pointer(),
                                          nullptr, error);
    };
    fake::fail_at(call);
    for (int round = 0; round < 5; ++round) {
      fake::run_all_but(nullptr);
      lama_error error{};
      const lama_status status = run(&error);
      bench::check((status == LAMA_OK) == !error.message[0], "a status and its line", error.message);
      if (status == LAMA_OK) continue;
      const std::vector<uint8_t> before = results.bytes();
      fake::run_all_but(nullptr);
      bench::check(results.bytes() == before, "nothing comes after a failure", error.message);
    }
    fake::fail_at(0);
    lama_error error{};
    CHECK(run(&error) == LAMA_OK);
    cuStreamSynchronize(nullptr);
    CHECK(results.bytes() == pictures.expected);
  }
}

void too_little_memory() {
  const Engine engine;
  for (int call = 1; call < 60; ++call) {
    lama_error error{};
    fake::fail_at(call);
    bench::run(engine, Pictures({1, 8 + call, 16}, 1), &error);
    const bool memory = fake::failed() == "cuMemAlloc";
    fake::fail_at(0);
    if (!memory || error.status == LAMA_OK) continue;  // what others held was given up, and it went
    CHECK(error.status == LAMA_OUT_OF_MEMORY);
    CHECK(std::string(error.message).find("of whose 80000 MB 3 MB are free now; give it smaller") != std::string::npos);
  }
}

void nan() {
  Options options;
  options.model = bench::plan("float\nnan\n" + bench::kTwoProfiles);
  const Engine engine(options);
  lama_error error{};
  CHECK(!bench::run(engine, Pictures(kSmall, 1, true), &error));
  CHECK(error.status == LAMA_ENGINE_ERROR && std::string(error.message).find("NaN or infinity") != std::string::npos);
}

}  // namespace

int main() {
  all_of_it(options_of(0), false);  // the driver is opened once, which is not counted below
  for (const int graphs : {0, 1, 8}) on_hosts_pictures(graphs, graphs == 1);
  for (const int graphs : {0, 8}) and_then_right(graphs), on_devices_pictures(graphs);
  too_little_memory();
  nan();
  return bench::finish();
}

// Results are right by every path: host and device, with and without graphs, several shapes, profiles and evictions.
#include "bench_of_trt.h"
#include "on_device.h"

using bench::Engine;
using bench::OnDevice;
using bench::Options;
using bench::Pictures;

namespace {

void hosts_pictures(int graphs) {
  Options options;
  options.graphs = graphs;
  const Engine engine(options);
  const int before = fake::times("graph launches");
  for (int round = 0; round < 4; ++round)
    for (const lama_trt_shape shape : {lama_trt_shape{1, 8, 8}, {2, 64, 33}, {1, 128, 100}, {1, 33, 64}, {1, 64, 33}})
      CHECK(bench::run(engine, Pictures(shape, unsigned(round))));
  // Once plainly, once to warm up and capture, and then again and again.
  CHECK(fake::times("graph launches") - before == (graphs >= 5 ? 10 : 0));
}

void evictions() {
  Options options;
  options.graphs = 2;
  const Engine engine(options);
  const auto run = [&](int64_t side) { CHECK(bench::run(engine, Pictures({1, side, side}, unsigned(side)))); };
  for (int round = 0; round < 3; ++round) run(16), run(24);
  const int before = fake::times("graph launches");
  run(24), run(16);
  CHECK(fake::times("graph launches") == before + 2);
  run(12);  // 24, the longest unused, goes; the scratch memory suffices
  run(16), run(24);
  CHECK(fake::times("graph launches") == before + 3);
  CHECK(fake::alive("device memory") <= 2 * 3 + 1);
}

void larger_scratch_after_graphs() {
  const Engine engine;
  for (int round = 0; round < 3; ++round) CHECK(bench::run(engine, Pictures({1, 16, 16}, 1)));
  CHECK(bench::run(engine, Pictures({1, 128, 128}, 2)));  // its scratch memory ends the graph's
  const int before = fake::times("graph launches");
  for (int round = 0; round < 3; ++round) CHECK(bench::run(engine, Pictures({1, 16, 16}, 3)));
  CHECK(fake::times("graph launches") == before + 2);  // captured again at once
}

void floats() {
  Options options;
  options.model = bench::plan("float\n" + bench::kTwoProfiles);
  const Engine engine(options);
  for (int round = 0; round < 4; ++round) CHECK(bench::run(engine, Pictures({2, 24, 16}, unsigned(round), true)));
  lama_trt_info info{};
  bench::table().describe(engine.engine, &info);
  CHECK(info.floats == 1 && info.profile_count == 2 && info.profiles[1].largest.width == 128);
  CHECK(info.profiles[0].largest.count == 2 && info.version == bench::version() + ".7");
}

void scratch_that_is_not_told() {
  Options options;
  options.model = bench::plan("silent\n" + bench::kTwoProfiles);
  const Engine engine(options);
  for (int round = 0; round < 3; ++round) CHECK(bench::run(engine, Pictures({1, 20, 30}, unsigned(round))));
}

void scratch_is_given_once_a_shape() {
  Options options;
  options.graphs = 0;
  options.model = bench::plan(bench::kTwoProfiles);
  const Engine engine(options);
  const int before = fake::times("scratch given");
  for (const auto &[width, given] : {std::make_pair(30, 1), {30, 1}, {30, 1}, {31, 2}, {31, 2}, {30, 3}}) {
    CHECK(bench::run(engine, Pictures({1, 20, width}, 1)));
    CHECK(fake::times("scratch given") == before + given);
  }
}

void captures_that_fail(int refused, int launches) {
  std::vector<std::string> told;
  Options options;
  options.model = bench::plan("refuse " + std::to_string(refused) + "\n" + bench::kTwoProfiles);
  options.told = &told;
  const Engine engine(options);
  const int before = fake::times("graph launches");
  for (int round = 0; round < 5; ++round) CHECK(bench::run(engine, Pictures({1, 20, 30}, unsigned(round))));
  CHECK(fake::times("graph launches") - before == launches);
  bool warned = false;
  for (const std::string &line : told) warned |= line.find("no CUDA graph (TensorRT does not run") != std::string::npos;
  CHECK(warned == (launches == 0));
}

void a_second_context_is_refused() {
  std::vector<std::string> told;
  Options options;
  options.model = bench::plan("contexts 1\n" + bench::kTwoProfiles);
  options.told = &told;
  const Engine engine(options);
  for (unsigned round = 0; round < 4; ++round) CHECK(bench::run(engine, Pictures({1, 20, 30}, round)));
  CHECK(told.size() == 2 &&
        told[1].find("no CUDA graph (TensorRT does not make a context: no context)") != told[1].npos);
}

void memory_for_one_shape_alone() {
  const Engine engine;
  CHECK(bench::run(engine, Pictures({1, 40, 40}, 1)));  // and so the largest scratch memory
  fake::limit_memory(8 * 1600 + 2 * 7 * 1600);
  for (unsigned round = 0; round < 3; ++round)
    for (const int64_t height : {38, 39, 40}) CHECK(bench::run(engine, Pictures({1, height, 40}, round)));
  fake::limit_memory(0);
}

// Nobody waits between calls, and the engine is closed before its work is done.
void devices_pictures_without_waits() {
  const Pictures wide({1, 16, 24}, 1), high({1, 24, 16}, 2);
  const OnDevice images(wide.images, 0), masks(wide.masks, 0), results(wide.images.size(), 0);
  const OnDevice others(high.images, 0), holes(high.masks, 0), filled(high.images.size(), 0);
  {
    Options options;
    options.graphs = 1;
    const Engine engine(options);
    lama_error error{};
    const auto run = [&](const Pictures &pictures, const OnDevice &image, const OnDevice &mask,
                         const OnDevice &result) {
      CHECK(bench::table().run_on_device(engine.engine, &pictures.shape, image.pointer(), mask.pointer(),
                                         result.pointer(), nullptr, &error) == LAMA_OK);
    };
    for (int round = 0; round < 3; ++round) run(wide, images, masks, results);
    for (int round = 0; round < 3; ++round) run(high, others, holes, filled);
  }
  cuStreamSynchronize(nullptr);
  CHECK(results.bytes() == wide.expected && filled.bytes() == high.expected);
}

void devices_pictures(int graphs, bool in_place, size_t offset) {
  Options options;
  options.graphs = graphs;
  const Engine engine(options);
  lama::cuda::Stream stream = nullptr;
  cuStreamCreate(&stream, lama::cuda::kNonBlocking);
  for (unsigned round = 0; round < 4; ++round) {
    const Pictures pictures({1, 24, 40}, round);
    OnDevice images(pictures.images, offset), masks(pictures.masks, offset), results(pictures.images.size(), offset);
    void *target = in_place ? images.pointer() : results.pointer();
    lama_error error{};
    // What the caller's stream computes first is waited for, by the device alone.
    const std::vector<uint8_t> late = pictures.masks;
    masks.fill(0);
    fake::launch(stream, [&] { masks.set(late); });
    const int waits = fake::times("host waits");
    CHECK(bench::table().run_on_device(engine.engine, &pictures.shape, images.pointer(), masks.pointer(), target,
                                       stream, &error) == LAMA_OK);
    CHECK(fake::times("host waits") == waits);
    fake::run_all_but(stream);
    std::vector<uint8_t> seen;  // by what the caller enqueues afterwards
    fake::launch(stream, [&] { seen = in_place ? images.bytes() : results.bytes(); });
    cuStreamSynchronize(stream);
    CHECK(seen == pictures.expected);
  }
  cuStreamDestroy_v2(stream);
}

void the_default_stream() {
  const Engine engine;
  const Pictures pictures({1, 24, 40}, 1);
  OnDevice images(pictures.images, 0), masks(pictures.masks, 0), results(pictures.images.size(), 0);
  lama_error error{};
  CHECK(bench::table().run_on_device(engine.engine, &pictures.shape, images.pointer(), masks.pointer(),
                                     results.pointer(), nullptr, &error) == LAMA_OK);
  cuStreamSynchronize(nullptr);
  CHECK(results.bytes() == pictures.expected);
}

void another_device() {
  Options options;
  options.device = 1;
  const Engine engine(options);
  CHECK(bench::run(engine, Pictures({1, 24, 40}, 1)));
}

void on_the_device() {
  const bench::InContext context;
  for (const int graphs : {0, 8})
    for (const bool in_place : {false, true})
      for (const size_t offset : {0, 64}) devices_pictures(graphs, in_place, offset);
  the_default_stream();
  devices_pictures_without_waits();
}

}  // namespace

int main() {
  for (const int graphs : {0, 1, 4, 5, 8}) hosts_pictures(graphs);
  evictions();
  larger_scratch_after_graphs();
  floats();
  scratch_that_is_not_told();
  scratch_is_given_once_a_shape();
  captures_that_fail(1, 3);
  captures_that_fail(2, 0);
  a_second_context_is_refused();
  memory_for_one_shape_alone();
  another_device();
  on_the_device();
  return bench::finish();
}

// Several threads at once: one engine with two streams, another that opens and closes beside it.
#include <atomic>
#include <thread>

#include "bench_of_trt.h"
#include "on_device.h"

using bench::Engine;
using bench::Options;
using bench::Pictures;

namespace {

constexpr unsigned kThreads = 6, kRounds = 40;

void hosts_pictures(const Engine &engine, unsigned thread, std::atomic<int> &wrong) {
  for (unsigned round = 0; round < kRounds; ++round) {
    const int64_t side = 8 + 8 * ((thread + round) % 5);
    if (!bench::run(engine, Pictures({1, side, 3 * side}, thread * kRounds + round))) ++wrong;
  }
}

// Shapes come and go, and so do their memory and their graphs: no thread breaks another's capture.
void captures() {
  std::atomic<int> wrong{0};
  const int before = fake::times("captures broken");
  {
    Options options;
    options.streams = 4;
    options.graphs = 1;
    const Engine engine(options);
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (unsigned round = 0; round < 60; ++round)
          wrong += !bench::run(engine, Pictures({1, 8 + round / 3 % 2, 16}, thread * 60 + round));
      });
    for (std::thread &thread : threads) thread.join();
  }
  CHECK(wrong == 0);
  CHECK(fake::times("captures broken") == before);
}

void devices_pictures(const Engine &engine, unsigned thread, std::atomic<int> &wrong) {
  const bench::InContext context;
  lama::cuda::Stream stream = nullptr;
  cuStreamCreate(&stream, lama::cuda::kNonBlocking);
  for (unsigned round = 0; round < kRounds; ++round) {
    const Pictures pictures({1, 16, 8 * int64_t(1 + round % 3)}, thread * kRounds + round);
    bench::OnDevice images(pictures.images, 0), masks(pictures.masks, 0);
    lama_error error{};
    const lama_status status = bench::table().run_on_device(engine.engine, &pictures.shape, images.pointer(),
                                                            masks.pointer(), images.pointer(), stream, &error);
    cuStreamSynchronize(stream);
    if (status != LAMA_OK || images.bytes() != pictures.expected) ++wrong;
  }
  cuStreamDestroy_v2(stream);
}

void opening(std::atomic<int> &wrong) {
  for (unsigned round = 0; round < 10; ++round) {
    const Engine engine;
    for (unsigned i = 0; i < 3; ++i) wrong += !bench::run(engine, Pictures({1, 24, 24}, i));
  }
}

}  // namespace

int main() {
  captures();
  std::atomic<int> wrong{0};
  {
    std::vector<std::string> told;
    Options options;
    options.streams = 2;
    options.graphs = 3;
    const Engine engine(options);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { hosts_pictures(engine, i, wrong); });
    for (unsigned i = 0; i < 2; ++i) threads.emplace_back([&, i] { devices_pictures(engine, i, wrong); });
    threads.emplace_back([&] { opening(wrong); });
    for (std::thread &thread : threads) thread.join();
  }
  bench::check(wrong == 0, "results of all threads are right", std::to_string(wrong));
  return bench::finish();
}

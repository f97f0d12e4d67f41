// Engines are opened and called from many threads at once; a build with LAMA_SANITIZE=thread sees what they share. The
// argument: the folder of the fakes.
#include <atomic>
#include <thread>

#include "fake_engines.h"

using namespace lama;
using namespace lama::test;

namespace {

constexpr int THREADS = 8, RUNS = 100;

void in_threads(const std::function<void()> &work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < THREADS; ++i) threads.emplace_back(work);
  for (std::thread &thread : threads) thread.join();
}

void test_calls(const Engine &engine) {
  const Values expected = run(*open(engine));
  const auto shared = open(engine);
  std::atomic<int> wrong{0};
  in_threads([&] {
    const auto own = open(engine);
    for (int i = 0; i < RUNS; ++i) wrong += (run(*shared) != expected) + (run(*own) != expected);
    if (shared->capabilities().fixed_from) wrong += run(*shared->fixed(SHAPE)) != expected;
  });
  check(wrong == 0, engine.target + ": results of threads that differ: " + std::to_string(wrong));
}

// A request whose run fails is used again by whoever comes next.
void test_failures(const Engine &engine) {
  const auto shared = open(engine);
  std::atomic<int> failed{0};
  in_threads([&] {
    for (int i = 0; i < RUNS; ++i) try {
        run(*shared);
      } catch (const Error &) {
        ++failed;
      }
  });
  check(failed == THREADS * RUNS, engine.target + ": runs that failed: " + std::to_string(failed));
}

}  // namespace

int main(int, char **arguments) {
  const std::string fakes = arguments[1];
  for (const Engine &engine : {onnxruntime(fakes), openvino(fakes), openvino(fakes, xml_with("float"))})
    test_calls(engine);
  test_failures(onnxruntime(fakes, "memory"));
  test_failures(openvino(fakes, xml_with("uint8", "memory")));
  return ended();
}

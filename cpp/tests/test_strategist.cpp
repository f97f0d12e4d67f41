// What the shared cases of strategies do not ask: who cancels, what fails, several threads at once.
#include <atomic>
#include <cstdio>
#include <functional>
#include <new>
#include <stdexcept>
#include <thread>

#include "strategies/results.h"
#include "strategies/strategist.h"

namespace {

using lama::Hole;
using lama::Picture;

// Fills with 100; `before` is asked at each run.
class Grey : public lama::Backend {
 public:
  const lama::Capabilities &capabilities() const override { return declared; }
  void run(const lama::Shape &shape, const uint8_t *, const uint8_t *, uint8_t *results) override {
    ++runs;
    if (before) before(shape);
    std::fill_n(results, 3 * lama::pixels_of(shape), uint8_t(100));
  }
  std::unique_ptr<lama::Backend> fixed(const lama::Shape &) override {
    ++made;
    auto backend = std::make_unique<Grey>();
    backend->before = [this](const lama::Shape &) {
      if (++inside > 1) throw lama::Error(LAMA_INTERNAL_ERROR, "two at once");
      std::this_thread::yield();
      --inside;
    };
    return backend;
  }
  std::string name() const override { return "grey"; }
  std::string version() const override { return "1"; }
  std::string library() const override { return ""; }

  lama::Capabilities declared;
  std::function<void(const lama::Shape &)> before;
  std::atomic<int> runs{0}, made{0}, inside{0};
};

struct Two {  // holes of equal windows in one picture
  Two() : picture(400, 400, 3), hole(400, 400, 1) { hole.row(20)[20] = hole.row(350)[350] = 1; }
  Picture picture;
  Hole hole;
};

constexpr lama::StrategyOptions CROP{LAMA_CROP, 1024, 16};

Picture fill(lama::Strategist &strategist, const Two &two, const lama::Progress &progress = {}) {
  return strategist.fill({two.picture}, {two.hole}, progress)[0];
}

bool is_filled(const Picture &picture) {
  return picture.row(20)[60] == 100 && picture.row(350)[1050] == 100;
}

void require(bool holds, const char *what) {
  if (!holds) throw std::runtime_error(what);
}

void test_cancelled_after_the_first_window() {
  Grey engine;
  lama::Strategist strategist(engine, CROP, 0, {});
  try {
    fill(strategist, Two(), [](size_t, size_t) { throw lama::Error(LAMA_CANCELLED, "enough"); });
    require(false, "nothing was thrown");
  } catch (const lama::Error &error) {
    require(error.status == LAMA_CANCELLED && engine.runs == 1, "not cancelled at once");
  }
}

template <typename Failure>
void test_what_fails_together_runs_alone(const Failure &failure) {
  Grey engine;
  engine.declared.batch = 4;
  engine.before = [&](const lama::Shape &shape) {
    if (shape[0] > 1) throw failure;
  };
  lama::Strategist strategist(engine, CROP, 0, {});
  require(is_filled(fill(strategist, Two())) && engine.runs == 3, "windows were not run one by one");
}

void test_first_failure_is_thrown() {
  Grey engine;
  engine.before = [](const lama::Shape &) { throw lama::Error(LAMA_ENGINE_ERROR, "broken"); };
  lama::Strategist strategist(engine, CROP, 0, {});
  try {
    fill(strategist, Two());
    require(false, "nothing was thrown");
  } catch (const lama::Error &error) {
    require(error.status == LAMA_ENGINE_ERROR && engine.runs == 1, "it went on after a failure");
  }
}

void test_warm_up_beyond_memory() {
  Grey engine;
  engine.declared.memory = lama::Memory();
  engine.declared.memory->per_pixel = 1;
  lama::Strategist strategist(engine, CROP, 1 << 20, {});
  strategist.warm_up({1, 64, 64});
  try {
    strategist.warm_up({1 << 20, 1 << 20, 1 << 20});
    require(false, "nothing was thrown");
  } catch (const lama::Error &error) {
    require(error.status == LAMA_OUT_OF_MEMORY && engine.runs == 1, "it was tried");
  }
}

void test_nothing_given_and_nothing_to_fill() {
  Grey engine;
  lama::Strategist strategist(engine, CROP, 0, {});
  Two two;
  two.hole = Hole(400, 400, 1);
  require(strategist.fill({}, {}, {}).empty(), "no pictures are some");
  require(fill(strategist, two).values == two.picture.values && engine.runs == 0, "an empty hole was filled");
}

// A hole of this many pixels came out black, in a picture that has no pixel darker than this.
bool is_told(int64_t hole, uint8_t darkest) {
  std::vector<uint8_t> image(3 * 200, 90), mask(200), black(3 * 200);
  image[3 * 199] = image[3 * 199 + 1] = image[3 * 199 + 2] = darkest;
  std::fill_n(mask.begin(), hole, uint8_t(1));
  try {
    lama::check_filled({1, 10, 20}, black.data(), image.data(), mask.data());
    return false;
  } catch (const lama::Error &error) {
    return error.status == LAMA_ENGINE_ERROR;
  }
}

void test_black_results() {
  require(is_told(64, 9) && is_told(199, 9), "black was let through");
  require(!is_told(63, 9) && !is_told(64, 8) && !is_told(200, 9), "black by right was refused");
}

// fixed_from: so that they share one backend which takes one call at a time, or none.
void test_threads(std::optional<int64_t> fixed_from) {
  Grey engine;
  engine.declared.fixed_from = fixed_from;
  std::atomic<int> told{0}, wrong{0};
  const lama::Log log{[](void *count, lama_log_level, const char *) { ++*static_cast<std::atomic<int> *>(count); },
                      &told};
  lama::Strategist strategist(engine, CROP, 0, log);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      try {
        for (int n = 0; n < 20; ++n) wrong += !is_filled(fill(strategist, Two()));
      } catch (const std::exception &) {
        ++wrong;
      }
    });
  for (std::thread &one : threads) one.join();
  require(wrong == 0 && told == 80 && engine.made == (fixed_from ? 1 : 0), "threads disturb each other");
}

}  // namespace

int main() try {
  test_cancelled_after_the_first_window();
  test_what_fails_together_runs_alone(lama::Error(LAMA_OUT_OF_MEMORY, "too much"));
  test_what_fails_together_runs_alone(std::bad_alloc());
  test_first_failure_is_thrown();
  test_warm_up_beyond_memory();
  test_nothing_given_and_nothing_to_fill();
  test_black_results();
  test_threads({});
  test_threads(1);
  return 0;
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

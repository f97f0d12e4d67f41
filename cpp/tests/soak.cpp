// Many calls from many threads over one inpainter: soak BUNDLE THREADS CALLS MOST
//
// Pictures of mixed sizes up to MOST pixels a side, by all strategies in turn. Every result is held to that of the same
// picture alone, and known pixels to the picture. Says what memory the process has as it goes on, in KiB; ends with 1
// for a wrong result.
#include <lama/inpainter.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

namespace {

constexpr int CASES = 24;  // pictures that come again and again

struct Case {
  int width, height;
  std::vector<std::uint8_t> image, mask, expected;
};

std::vector<std::uint8_t> result_of(lama::Inpainter &inpainter, const Case &one) {
  std::vector<std::uint8_t> result(one.image.size());
  inpainter.inpaint(lama::rgb(one.image.data(), one.width, one.height),
                    lama::mask(one.mask.data(), one.width, one.height),
                    lama::rgb(result.data(), one.width, one.height));
  return result;
}

Case made(unsigned seed, int most) {
  std::mt19937 random(seed);
  const auto side = [&] { return 1 + int(random() % unsigned(most)); };
  Case one{side(), side(), {}, {}, {}};
  const int pixels = one.width * one.height;
  one.image.resize(std::size_t(pixels) * 3);
  one.mask.resize(std::size_t(pixels));
  for (auto &value : one.image) value = std::uint8_t(random());
  const int top = int(random() % unsigned(one.height)), left = int(random() % unsigned(one.width));
  for (int y = top; y < std::min(one.height, top + one.height / 3 + 1); ++y)
    for (int x = left; x < std::min(one.width, left + one.width / 3 + 1); ++x)
      one.mask[std::size_t(y * one.width + x)] = 255;
  return one;
}

bool known_is_kept(const Case &one, const std::vector<std::uint8_t> &result) {
  for (std::size_t i = 0; i < result.size(); ++i)
    if (!one.mask[i / 3] && result[i] != one.image[i]) return false;
  return true;
}

long resident() {
  long pages = 0;
  if (FILE *file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * 4;
}

}  // namespace

int main(int count, char **words) try {
  if (count != 5) {
    std::fputs("usage: soak BUNDLE THREADS CALLS MOST\n", stderr);
    return 2;
  }
  const int threads = std::atoi(words[2]), calls = std::atoi(words[3]), most = std::atoi(words[4]);
  std::vector<lama::Inpainter> inpainters;
  for (lama_strategy strategy : {LAMA_AUTO, LAMA_WHOLE, LAMA_CROP, LAMA_RESIZE, LAMA_TILE}) {
    lama::Options options;
    options.strategy = strategy, options.limit = 128, options.margin = 16, options.threads = 1;
    inpainters.emplace_back(words[1], options);
  }
  std::vector<Case> cases;
  for (unsigned seed = 0; seed < CASES; ++seed) {
    cases.push_back(made(seed, most));
    cases.back().expected = result_of(inpainters[seed % inpainters.size()], cases.back());
  }
  std::atomic<int> next{0}, wrong{0};
  std::vector<std::thread> pool;
  for (int i = 0; i < threads; ++i)
    pool.emplace_back([&] {
      for (int call; (call = next++) < calls;) {
        const std::size_t index = std::size_t(call) % CASES;
        const std::vector<std::uint8_t> result = result_of(inpainters[index % inpainters.size()], cases[index]);
        wrong += result != cases[index].expected || !known_is_kept(cases[index], result);
        if (call % (calls / 10 + 1) == 0) std::printf("%d %ld\n", call, resident());
      }
    });
  for (std::thread &thread : pool) thread.join();
  std::printf("%d %ld\n", calls, resident());
  if (wrong) std::fprintf(stderr, "%d wrong results of %d\n", wrong.load(), calls);
  return wrong ? 1 : 0;
} catch (const std::exception &error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 2;
}

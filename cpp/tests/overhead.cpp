// What a call costs besides the engine's own: overhead BUNDLE WIDTH HEIGHT SHARE ROUNDS, with LAMA_ENGINE as usual
//
// Does what lama_inpaint does, with a clock around the engine. SHARE: of the picture, that a rectangle in its middle
// hides. Prints for each round the nanoseconds of all of it, and those of the engine.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "api/checked_options.h"
#include "api/views.h"
#include "engines/open.h"
#include "masks/mask.h"
#include "strategies/strategist.h"

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t nanoseconds(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

class Timed : public lama::Backend {
 public:
  explicit Timed(lama::Backend &inside) : inside_(inside) {}

  const lama::Capabilities &capabilities() const override { return inside_.capabilities(); }
  void run(const lama::Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) override {
    const auto start = Clock::now();
    inside_.run(shape, images, masks, results);
    spent += Clock::now() - start;
  }
  std::string name() const override { return inside_.name(); }
  std::string version() const override { return inside_.version(); }
  std::string library() const override { return inside_.library(); }

  Clock::duration spent{};

 private:
  lama::Backend &inside_;
};

void inpaint(lama::Strategist &strategist, const lama_image &image, const lama_image &mask) {
  const lama::ImageView seen(&image, "the image"), holes(&mask, "the mask");
  lama::ImageView output(&image, "the output");
  lama::check_outputs({seen}, {holes}, {output});
  const lama::MaskOptions options(lama::checked(static_cast<const lama_call *>(nullptr)));
  std::vector<lama::Picture> pictures;
  std::vector<lama::Hole> hole;
  hole.push_back(lama::hole_of(&holes, seen.size(), options, {}));
  pictures.push_back(lama::picture_of(seen));
  lama::write(strategist.fill(std::move(pictures), hole, {})[0], hole[0], seen, output);
}

}  // namespace

int main(int count, char **words) try {
  if (count != 6) {
    std::fputs("usage: overhead BUNDLE WIDTH HEIGHT SHARE ROUNDS\n", stderr);
    return 2;
  }
  const std::int64_t width = std::atoll(words[2]), height = std::atoll(words[3]);
  const double side = std::sqrt(std::atof(words[4]));
  std::vector<std::uint8_t> pixels(std::size_t(width * height * 3)), hole(std::size_t(width * height));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = std::uint8_t(i * 2654435761u >> 24);
  const auto rows = std::int64_t(double(height) * side), columns = std::int64_t(double(width) * side);
  for (std::int64_t y = (height - rows) / 2; y < (height + rows) / 2; ++y)
    for (std::int64_t x = (width - columns) / 2; x < (width + columns) / 2; ++x) hole[std::size_t(y * width + x)] = 255;
  const lama_image image{pixels.data(), width, height, width * 3, LAMA_RGB};
  const lama_image mask{hole.data(), width, height, width, LAMA_GREY};

  const lama::Options options = lama::checked(static_cast<const lama_options *>(nullptr));
  const lama::Bundle bundle = lama::load_bundle(words[1], true);
  const auto backend = lama::open_backend(bundle, options.engine);
  Timed timed(*backend);
  lama::Strategist strategist(timed, options.strategy, 0, {});
  inpaint(strategist, image, mask);  // what is made for a size is made
  for (int round = 0; round < std::atoi(words[5]); ++round) {
    timed.spent = {};
    const auto start = Clock::now();
    inpaint(strategist, image, mask);
    const auto all = Clock::now() - start;
    std::printf("%lld %lld\n", static_cast<long long>(nanoseconds(all)),
                static_cast<long long>(nanoseconds(timed.spent)));
  }
  return 0;
} catch (const std::exception &error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 2;
}

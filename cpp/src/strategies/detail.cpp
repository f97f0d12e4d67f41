#include "strategies/detail.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "strategies/nearest.h"

namespace lama {

namespace {

constexpr int64_t BLOCK = 3;  // small pixels a side, whose detail is taken from one place
constexpr int64_t EDGE = (PATCH - BLOCK) / 2;
constexpr int64_t MOST_PLACES = 4096;  // known places that are looked at

// Whether any pixel of a square is hole, as far as it lies inside.
bool touches(const Hole &hole, int64_t top, int64_t left, int64_t side) {
  for (int64_t y = top; y < std::min(top + side, hole.height); ++y) {
    const uint8_t *row = hole.row(y);
    if (std::any_of(row + left, row + std::min(left + side, hole.width), [](uint8_t value) { return value > 0; }))
      return true;
  }
  return false;
}

// Of patches without hole, evenly spread.
std::vector<Corner> known_places(const Hole &hole) {
  std::vector<Corner> free, places;
  for (int64_t top = 0; top + PATCH <= hole.height; ++top)
    for (int64_t left = 0; left + PATCH <= hole.width; ++left)
      if (!touches(hole, top, left, PATCH)) free.push_back({top, left});
  const size_t step = size_t(std::max<int64_t>(1, divided_up(int64_t(free.size()), MOST_PLACES)));
  for (size_t i = 0; i < free.size(); i += step) places.push_back(free[i]);
  return places;
}

// Of the patches whose middle blocks cover the hole, and lie inside.
std::vector<Corner> targets_of(const Hole &hole) {
  std::vector<Corner> targets;
  for (int64_t top = 0; top < hole.height; top += BLOCK)
    for (int64_t left = 0; left < hole.width; left += BLOCK)
      if (touches(hole, top, left, BLOCK))
        targets.push_back({std::clamp<int64_t>(top - EDGE, 0, hole.height - PATCH),
                           std::clamp<int64_t>(left - EDGE, 0, hole.width - PATCH)});
  return targets;
}

// Where the middle blocks of patches lie in the window itself.
class Blocks {
 public:
  Blocks(const Size &window, const Size &small) {
    for (size_t i = 0; i < 2; ++i) {
      scale_[i] = double(window[i]) / double(small[i]);
      size_[i] = int64_t(std::ceil(scale_[i] * BLOCK));
      most_[i] = window[i] - size_[i];
    }
  }

  Window of(const Corner &patch) const { return {place(0, patch.top), place(1, patch.left), size_[0], size_[1]}; }

 private:
  int64_t place(size_t i, int64_t at) const {
    return std::clamp<int64_t>(int64_t(std::rint(double(at + EDGE) * scale_[i])), 0, most_[i]);
  }

  std::array<double, 2> scale_;
  Size size_, most_;
};

// What the image has more than the enlarged one, where it is known.
std::vector<int16_t> residual_of(const Picture &enlarged, const Picture &image, const Hole &hole,
                                 const Window &window) {
  std::vector<int16_t> residual(enlarged.values.size());
  auto out = residual.begin();
  for (int64_t y = 0; y < window.height; ++y) {
    const uint8_t *known = image.row(window.top + y) + 3 * window.left, *coarse = enlarged.row(y);
    const uint8_t *holes = hole.row(window.top + y) + window.left;
    for (int64_t i = 0; i < 3 * window.width; ++i) *out++ = int16_t(holes[i / 3] ? 0 : known[i] - coarse[i]);
  }
  return residual;
}

void add(Picture &enlarged, const std::vector<int16_t> &detail, const Hole &hole, const Window &window) {
  for (int64_t y = 0; y < window.height; ++y) {
    const uint8_t *holes = hole.row(window.top + y) + window.left;
    const int16_t *more = &detail[size_t(3 * window.width * y)];
    uint8_t *out = enlarged.row(y);
    for (int64_t i = 0; i < 3 * window.width; ++i)
      if (holes[i / 3]) out[i] = uint8_t(std::clamp(out[i] + more[i], 0, 255));
  }
}

}  // namespace

void add_detail(Picture &enlarged, const Picture &image, const Hole &hole, const Window &window, const Picture &small,
                const Hole &small_hole) {
  const std::vector<Corner> known = known_places(small_hole);
  if (known.empty()) return;
  const std::vector<Corner> targets = targets_of(small_hole);
  const std::vector<size_t> sources = nearest_patches(small, targets, known);
  const std::vector<int16_t> residual = residual_of(enlarged, image, hole, window);
  std::vector<int16_t> detail(residual.size());
  const Blocks blocks(window.size(), small.size());
  const int64_t length = 3 * window.width;
  for (size_t i = 0; i < targets.size(); ++i) {
    const Window to = blocks.of(targets[i]), from = blocks.of(known[sources[i]]);
    for (int64_t y = 0; y < to.height; ++y)
      std::copy_n(&residual[size_t((from.top + y) * length + 3 * from.left)], 3 * to.width,
                  &detail[size_t((to.top + y) * length + 3 * to.left)]);
  }
  add(enlarged, detail, hole, window);
}

}  // namespace lama

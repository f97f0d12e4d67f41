#include "masks/doubts.h"

#include <algorithm>
#include <array>

namespace lama {

namespace {

const std::string OTHERWISE = "mask_invert and mask_threshold read it in other ways";
constexpr double EDGE = 0.75;  // of a picture's outermost pixels, which few things that are removed cover
constexpr int GREY_FROM = 17, GREY_TO = 239;  // what masks have at soft edges only, and photographs everywhere
constexpr double MIDDLE_SHARE = 0.3;          // of the pixels that are so, and
constexpr int MIDDLE_LEVELS = 48;             // levels of them, that make it a photograph
constexpr int64_t SAMPLED = 256;              // rows and columns that are looked at

bool looks_like_photograph(const ImageView &mask) {
  const int64_t down = (mask.height + SAMPLED - 1) / SAMPLED, across = (mask.width + SAMPLED - 1) / SAMPLED;
  std::array<bool, 256> seen{};
  int64_t middle = 0, all = 0;
  for (int64_t y = 0; y < mask.height; y += down)
    for (int64_t x = 0; x < mask.width; x += across, ++all) {
      const uint8_t value = mask.row(y)[x];
      if (value < GREY_FROM || value >= GREY_TO) continue;
      seen[value] = true;
      ++middle;
    }
  return double(middle) >= MIDDLE_SHARE * double(all) && std::count(seen.begin(), seen.end(), true) >= MIDDLE_LEVELS;
}

// Corners count twice, as in Python.
bool covers_edge(const Hole &hole) {
  int64_t covered = 0;
  for (int64_t x = 0; x < hole.width; ++x) covered += hole.row(0)[x] + hole.row(hole.height - 1)[x];
  for (int64_t y = 0; y < hole.height; ++y) covered += hole.row(y)[0] + hole.row(y)[hole.width - 1];
  return double(covered) >= EDGE * double(2 * (hole.width + hole.height));
}

bool is_one_value(const ImageView &mask) {
  for (int64_t y = 0; y < mask.height; ++y)
    if (std::any_of(mask.row(y), mask.row(y) + mask.width, [&](uint8_t v) { return v != mask.row(0)[0]; }))
      return false;
  return true;
}

}  // namespace

double share_of(const Hole &hole) {
  int64_t count = 0;
  for (uint8_t value : hole.values) count += value;
  return double(count) / double(hole.values.size());
}

std::optional<std::string> doubt(const ImageView &mask, const Hole &hole, bool drawn) {
  if (looks_like_photograph(mask))
    return "the mask looks like a photograph: it is mostly neither black nor white, and all that is above "
           "mask_threshold is hole; give a mask, or mask_threshold for a soft one";
  const double share = share_of(hole);
  if (share == 0 && drawn) return std::nullopt;
  if (share == 0) return "the mask has no hole, so that nothing is filled; above 0 is hole, and " + OTHERWISE;
  if (share == 1 && !is_one_value(mask))
    return "the mask's background is not 0, so that all of it is hole; mask_threshold N leaves what is not above N as "
           "it is";
  if (share > MOST_HOLE) return "the hole is more than 95% of the picture; above 0 is hole, and " + OTHERWISE;
  if (share > 0.5 && covers_edge(hole))
    return "the hole is more than half of the picture and most of its edge; if the mask marks what is to stay, set "
           "mask_invert";
  return std::nullopt;
}

}  // namespace lama

#include "strategies/nearest.h"

#include <algorithm>

namespace lama {

namespace {

constexpr size_t LENGTH = 80;   // values of a patch: 75 bytes, and zeros up to what registers take
constexpr size_t TOGETHER = 4;  // targets that are compared while a known patch is in registers
constexpr size_t BLOCK = 128;   // known patches, 20 KiB: what stays in the nearest cache

using Patches = std::vector<int16_t>;  // LENGTH for each

Patches patches_at(const Picture &small, const std::vector<Corner> &corners) {
  // Filled up to whole groups, so that what is compared together always has TOGETHER.
  Patches patches((corners.size() + TOGETHER - 1) / TOGETHER * TOGETHER * LENGTH);
  for (size_t i = 0; i < corners.size(); ++i)
    for (int64_t y = 0; y < PATCH; ++y) {
      const uint8_t *row = small.row(corners[i].top + y) + 3 * corners[i].left;
      std::copy_n(row, 3 * PATCH, &patches[i * LENGTH + size_t(3 * PATCH * y)]);
    }
  return patches;
}

int32_t product(const int16_t *one, const int16_t *other) {
  int32_t sum = 0;
  for (size_t i = 0; i < LENGTH; ++i) sum += one[i] * other[i];
  return sum;
}

struct Best {
  int32_t cost = INT32_MAX;
  size_t index = 0;
};

}  // namespace

std::vector<size_t> nearest_patches(const Picture &small, const std::vector<Corner> &targets,
                                    const std::vector<Corner> &known) {
  const Patches asked = patches_at(small, targets), candidates = patches_at(small, known);
  std::vector<int32_t> squares;
  for (size_t i = 0; i < known.size(); ++i)
    squares.push_back(product(&candidates[i * LENGTH], &candidates[i * LENGTH]));
  std::vector<Best> best(asked.size() / LENGTH);
  for (size_t start = 0; start < known.size(); start += BLOCK)
    for (size_t target = 0; target < best.size(); target += TOGETHER)
      for (size_t i = start; i < std::min(known.size(), start + BLOCK); ++i)
        for (size_t one = target; one < target + TOGETHER; ++one) {
          // The square of the target's own is the same for all.
          const int32_t cost = squares[i] - 2 * product(&asked[one * LENGTH], &candidates[i * LENGTH]);
          if (cost < best[one].cost) best[one] = {cost, i};
        }
  std::vector<size_t> found;
  for (size_t i = 0; i < targets.size(); ++i) found.push_back(best[i].index);
  return found;
}

}  // namespace lama

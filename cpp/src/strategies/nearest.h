// Which known patch of a small picture looks most like another.
#pragma once

#include <cstddef>
#include <vector>

#include "pictures.h"

namespace lama {

constexpr int64_t PATCH = 5;  // small pixels a side, that are compared

struct Corner {
  int64_t top, left;
};

// For each target the index of the known patch with the smallest sum of squared differences, the first of equals. Both
// are corners of patches that lie inside; known: at least one.
std::vector<size_t> nearest_patches(const Picture &small, const std::vector<Corner> &targets,
                                    const std::vector<Corner> &known);

}  // namespace lama

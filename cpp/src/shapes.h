// Which shapes an engine takes: ranges of them, and which one runs a batch of pictures, whole or in parts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace lama {

using Shape = std::array<int64_t, 3>;  // pictures, height and width in pixels
using Size = std::array<int64_t, 2>;   // height and width in pixels

inline int64_t pixels_of(const Shape &shape) {
  return shape[0] * shape[1] * shape[2];
}
inline int64_t pixels_of(const Size &size) {
  return size[0] * size[1];
}

// Any shape from `least` to `largest` runs, in each dimension by itself; `best` is what it was made for.
struct ShapeRange {
  Shape least, best, largest;

  Shape nearest(const Shape &shape) const;  // of this range, to run instead: the shape itself where it fits
};

struct Fitting {
  size_t index;  // of the range
  Shape shape;   // to run
};

// As lama_deploy/shapes.py, `fitting`: the tightest range that takes the shape, else what covers it in the fewest parts
// and pads the least. ranges: at least one.
Fitting fitting(const std::vector<ShapeRange> &ranges, const Shape &shape);

// Such as "64x64 to 512x512, 64x64 to 1024x1024 (batch of 4)".
std::string described(const std::vector<ShapeRange> &ranges);

}  // namespace lama

// Windows of a picture: where they lie, and how they grow to what a model runs well. As windows.py of lama_deploy.
#pragma once

#include <vector>

#include "backend.h"
#include "shapes.h"

namespace lama {

constexpr int64_t BUCKET = 64;  // pixels: sides are rounded up to it, so that engines see few shapes

inline int64_t divided_up(int64_t value, int64_t by) {
  return (value + by - 1) / by;
}

// In pixels of the picture.
struct Window {
  int64_t top = 0, left = 0, height = 0, width = 0;

  Size size() const { return {height, width}; }
  int64_t bottom() const { return top + height; }
  int64_t right() const { return left + width; }
  int64_t pixels() const { return height * width; }

  // The smallest that holds them all; at least one.
  static Window around(const std::vector<Window> &windows);

  // Itself, seen from `other`, which holds it.
  Window within(const Window &other) const { return {top - other.top, left - other.left, height, width}; }

  // Whether they have pixels in common.
  bool meets(const Window &other) const;

  // Of at least `size`, around the same middle but shifted inside the picture; no larger than it.
  Window grown(const Size &size, const Size &picture) const;
};

// What one run may be given. limit: the side of a square, in pixels, that is as large as a window may be. pixels: for
// which there is memory, infinity for any.
struct Budget {
  int64_t limit;
  double pixels;
  const Capabilities &capabilities;

  // Grown to whole buckets, and to what the engine was made for where that is not much larger.
  Window rounded(const Window &window, const Size &picture) const;

  // Whether the engine takes a picture of this size whole, and it is within limit and memory.
  bool holds(const Size &size) const;

  // Whether the engine takes a picture of this size whole, mirrored at its edges where it is too small.
  bool takes(const Size &size) const;

  // The largest size, nearly square, that it holds.
  Size tile() const;

 private:
  double most() const;
  Size best(const Size &size) const;
};

}  // namespace lama

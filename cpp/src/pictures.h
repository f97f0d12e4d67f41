// Pixels as strategies hold them: owned, contiguous, without padding; and places in them.
#pragma once

#include <cstdint>
#include <vector>

#include "shapes.h"

namespace lama {

// height x width x channels bytes.
struct Bytes {
  Bytes() = default;
  Bytes(int64_t height, int64_t width, int64_t channels)
      : height(height), width(width), channels(channels), values(size_t(height * width * channels)) {}

  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> values;

  uint8_t *row(int64_t y) { return values.data() + y * width * channels; }
  const uint8_t *row(int64_t y) const { return values.data() + y * width * channels; }
  Size size() const { return {height, width}; }
};

using Picture = Bytes;  // of 3 channels
using Hole = Bytes;     // of 1 channel; nonzero = hole

}  // namespace lama

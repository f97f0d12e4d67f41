#include "strategies/parts.h"

#include <algorithm>
#include <vector>

#include "errors.h"

namespace lama {

namespace {

// Where the value at `index` of a line beyond its end comes from: from the end back to the start, and so on.
int64_t mirrored(int64_t index, int64_t length) {
  const int64_t at = index % (2 * length);
  return at < length ? at : 2 * length - 1 - at;
}

// One picture of `from`, made larger at the lower and right edge.
void mirror(const Size &from, const Size &to, int64_t channels, const uint8_t *in, uint8_t *out) {
  for (int64_t y = 0; y < to[0]; ++y) {
    const uint8_t *row = in + mirrored(y, from[0]) * from[1] * channels;
    for (int64_t x = 0; x < to[1]; ++x, out += channels)
      std::copy_n(row + mirrored(x, from[1]) * channels, channels, out);
  }
}

void cut(const Size &from, const Size &to, const uint8_t *in, uint8_t *out) {
  for (int64_t y = 0; y < to[0]; ++y) std::copy_n(in + 3 * y * from[1], 3 * to[1], out + 3 * y * to[1]);
}

}  // namespace

void run_in_parts(const Run &run, const Shape &shape, const uint8_t *images, const uint8_t *masks, const Shape &part,
                  uint8_t *results) {
  const Size size{shape[1], shape[2]}, sides{part[1], part[2]};
  if (size[0] > sides[0] || size[1] > sides[1])
    throw Error(LAMA_INVALID_ARGUMENT, "the engine takes " + std::to_string(sides[1]) + "x" + std::to_string(sides[0]) +
                                           " pixels at once, not " + std::to_string(size[1]) + "x" +
                                           std::to_string(size[0]) +
                                           "; a strategy other than whole fills such pictures in windows");
  const int64_t from = pixels_of(size), to = pixels_of(sides);
  std::vector<uint8_t> in(size_t(3 * part[0] * to)), holes(size_t(part[0] * to)), out(in.size());
  for (int64_t start = 0; start < shape[0]; start += part[0]) {
    const int64_t count = std::min(part[0], shape[0] - start);
    for (int64_t i = 0; i < part[0]; ++i) {
      const int64_t picture = start + std::min(i, count - 1);  // fewer are filled up with the last one
      mirror(size, sides, 3, images + 3 * picture * from, in.data() + 3 * i * to);
      mirror(size, sides, 1, masks + picture * from, holes.data() + i * to);
    }
    run(part, in.data(), holes.data(), out.data());
    for (int64_t i = 0; i < count; ++i) cut(sides, size, out.data() + 3 * i * to, results + 3 * (start + i) * from);
  }
}

}  // namespace lama

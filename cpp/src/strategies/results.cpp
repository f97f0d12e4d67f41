#include "strategies/results.h"

#include <algorithm>

#include "errors.h"

namespace lama {

namespace {

constexpr uint8_t BLACK = 8;           // a pixel with no channel above is as good as black
constexpr int64_t WORTH_TELLING = 64;  // pixels: a smaller hole may be black by chance

bool is_black_alone(int64_t pixels, const uint8_t *result, const uint8_t *image, const uint8_t *mask) {
  // Of most pictures the first pixel of the hole tells already.
  int64_t holes = 0;
  for (int64_t i = 0; i < pixels; ++i)
    if (mask[i]) {
      ++holes;
      if (result[3 * i] || result[3 * i + 1] || result[3 * i + 2]) return false;
    }
  if (holes < WORTH_TELLING || holes == pixels) return false;
  for (int64_t i = 0; i < pixels; ++i)
    if (!mask[i] && std::max({image[3 * i], image[3 * i + 1], image[3 * i + 2]}) <= BLACK) return false;
  return true;
}

}  // namespace

void check_filled(const Shape &shape, const uint8_t *results, const uint8_t *images, const uint8_t *masks) {
  const int64_t pixels = shape[1] * shape[2];
  for (int64_t i = 0; i < shape[0]; ++i)
    if (is_black_alone(pixels, results + 3 * pixels * i, images + 3 * pixels * i, masks + pixels * i))
      throw Error(LAMA_ENGINE_ERROR,
                  "the model filled the hole with nothing but black, as NaN comes out; in half precision it may have "
                  "overflowed, or its file is damaged; export it again, or use another precision");
}

}  // namespace lama

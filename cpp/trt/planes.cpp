#include "planes.h"

#include <algorithm>
#include <cmath>

#include "errors.h"

namespace lama {

namespace {

// Calls with the index of a value in bytes, and that in planes.
template <typename Each>
void for_values(const Shape &shape, const Each &each) {
  const int64_t plane = shape[1] * shape[2];
  for (int64_t n = 0; n < shape[0]; ++n)
    for (int64_t channel = 0; channel < 3; ++channel)
      for (int64_t i = 0; i < plane; ++i) each((n * plane + i) * 3 + channel, (n * 3 + channel) * plane + i);
}

}  // namespace

void to_unit_planes(const Shape &shape, const uint8_t *images, float *planes) {
  for_values(shape, [&](int64_t byte, int64_t value) { planes[value] = float(images[byte]) / 255.0f; });
}

void to_unit_masks(const Shape &shape, const uint8_t *masks, float *planes) {
  std::transform(masks, masks + pixels_of(shape), planes, [](uint8_t value) { return value ? 1.0f : 0.0f; });
}

void to_bytes(const Shape &shape, const float *planes, uint8_t *results) {
  if (!std::all_of(planes, planes + 3 * pixels_of(shape), [](float value) { return std::isfinite(value); }))
    throw Error(LAMA_ENGINE_ERROR,
                "the model computed NaN or infinity; in half precision it may have overflowed, or its file is damaged; "
                "export it again, or use another precision");
  for_values(shape, [&](int64_t byte, int64_t value) {
    results[byte] = uint8_t(std::min(std::max(planes[value] * 255.0f, 0.0f), 255.0f));
  });
}

}  // namespace lama

#include "engines/planes.h"

#include <algorithm>
#include <cmath>

#include "errors.h"

namespace lama {

std::vector<float> unit_images(const Shape &shape, const uint8_t *images) {
  const size_t count = size_t(shape[0]), plane = size_t(shape[1] * shape[2]);
  std::vector<float> planes(count * 3 * plane);
  for (size_t n = 0; n < count; ++n)
    for (size_t c = 0; c < 3; ++c) {
      const uint8_t *from = images + n * 3 * plane + c;
      float *to = planes.data() + (n * 3 + c) * plane;
      for (size_t i = 0; i < plane; ++i) to[i] = float(from[3 * i]) / 255.0f;
    }
  return planes;
}

std::vector<float> unit_masks(const Shape &shape, const uint8_t *masks) {
  std::vector<float> planes(size_t(pixels_of(shape)));
  for (size_t i = 0; i < planes.size(); ++i) planes[i] = masks[i] > 0 ? 1.0f : 0.0f;
  return planes;
}

void planes_to_bytes(const Shape &shape, const float *planes, uint8_t *results) {
  const size_t count = size_t(shape[0]), plane = size_t(shape[1] * shape[2]);
  if (!std::all_of(planes, planes + count * 3 * plane, [](float value) { return std::isfinite(value); }))
    throw Error(LAMA_ENGINE_ERROR,
                "the model computed NaN or infinity; in half precision it may have overflowed, or its file is damaged; "
                "export it again, or use another precision");
  for (size_t n = 0; n < count; ++n)
    for (size_t c = 0; c < 3; ++c) {
      const float *from = planes + (n * 3 + c) * plane;
      uint8_t *to = results + n * 3 * plane + c;
      for (size_t i = 0; i < plane; ++i) to[3 * i] = uint8_t(std::min(std::max(from[i] * 255.0f, 0.0f), 255.0f));
    }
}

}  // namespace lama

// Bytes and floats: how pixels go into a model with the float interface and come out of it.
#pragma once

#include <cstdint>
#include <vector>

#include "shapes.h"

namespace lama {

// As `unit_planes` of lama_deploy/images/pixels.py.
std::vector<float> unit_images(const Shape &shape, const uint8_t *images);  // count x 3 x height x width in [0, 1]
std::vector<float> unit_masks(const Shape &shape, const uint8_t *masks);    // count x 1 x height x width, 0 or 1

// count x 3 x height x width floats -> count x height x width x 3 bytes, as `to_bytes` there: scaled, clipped,
// truncated. Throws LAMA_ENGINE_ERROR for NaN and infinity.
void planes_to_bytes(const Shape &shape, const float *planes, uint8_t *results);

}  // namespace lama

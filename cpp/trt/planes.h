// Bytes and floats: how pictures go into an engine with the float interface and come out of it.
#pragma once

#include "shapes.h"

namespace lama {

// Bytes (N, H, W, 3) -> floats (N, 3, H, W) in [0, 1].
void to_unit_planes(const Shape &shape, const uint8_t *images, float *planes);

// Bytes, nonzero = hole -> floats, 0 or 1.
void to_unit_masks(const Shape &shape, const uint8_t *masks, float *planes);

// Floats (N, 3, H, W) -> bytes (N, H, W, 3) as official: scaled, clipped, truncated. Throws LAMA_ENGINE_ERROR, and
// writes nothing, where one is not finite.
void to_bytes(const Shape &shape, const float *planes, uint8_t *results);

}  // namespace lama

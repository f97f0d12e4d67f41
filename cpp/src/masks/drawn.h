// Holes that are drawn by rectangles and discs: the counterpart of lama_deploy/images/drawn.py, in pixels.
#pragma once

#include "lama/inpainter.h"
#include "pictures.h"

namespace lama {

// Sets what the shape covers to 1. Returns whether any of it reaches over the picture's edge.
// Throws LAMA_INVALID_ARGUMENT for one that is nowhere in the picture, and for numbers that are none or above 1e9.
bool draw(Hole &hole, const lama_box &box);
bool draw(Hole &hole, const lama_point &point);

}  // namespace lama

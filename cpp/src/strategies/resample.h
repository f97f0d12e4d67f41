// Windows made smaller for the model, and what it filled made as large again. As resample.py of lama_deploy: what
// Pillow computes, in fixed point, to the byte.
#pragma once

#include "pictures.h"
#include "strategies/windows.h"

namespace lama {

struct Shrunk {
  Picture image;
  Hole hole;  // 1 or 0
};

// A window of the picture and of its hole, made `size`. A small pixel is the mean of the known pixels that it covers:
// what a hole hides never colours what is beside it. Of the same size: as they are.
Shrunk shrunk(const Picture &image, const Hole &hole, const Window &window, const Size &size);

// Of a size at least as large.
Picture enlarged(const Picture &small, const Size &size);

}  // namespace lama

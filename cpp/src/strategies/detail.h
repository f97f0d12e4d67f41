// The detail that a fill at a lower resolution lacks, taken from where the picture around looks the same. As detail.py
// of lama_deploy.
#pragma once

#include "pictures.h"
#include "strategies/windows.h"

namespace lama {

// enlarged: of a window of the image, made from `small`; gets detail in the hole, the rest of it stays. image and hole:
// of the picture, of which the detail is where no hole is. small_hole: of the size of `small`.
void add_detail(Picture &enlarged, const Picture &image, const Hole &hole, const Window &window, const Picture &small,
                const Hole &small_hole);

}  // namespace lama

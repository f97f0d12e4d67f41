// Batches and small pictures that an engine does not take as they are: split, filled up, mirrored. As parts.py of
// lama_deploy.
#pragma once

#include <functional>

#include "shapes.h"

namespace lama {

// As Backend::run: shape, images, masks, results.
using Run = std::function<void(const Shape &, const uint8_t *, const uint8_t *, uint8_t *)>;

// The results of `run`, which takes exactly `part`, for any number of pictures up to that size. Smaller pictures are
// mirrored, holes too, so that nothing which a hole hides appears beside it. Throws LAMA_INVALID_ARGUMENT for larger
// ones, which a strategy gives in windows.
void run_in_parts(const Run &run, const Shape &shape, const uint8_t *images, const uint8_t *masks, const Shape &part,
                  uint8_t *results);

}  // namespace lama

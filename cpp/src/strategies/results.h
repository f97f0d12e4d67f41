// Results that no model should give are errors, not filled holes. As results.py of lama_deploy.
#pragma once

#include "shapes.h"

namespace lama {

// Throws LAMA_ENGINE_ERROR where NaN became black on its way to bytes, inside of the model. Told by a hole in which
// every value is 0, in a picture without a single black pixel. All as Backend::run has them.
void check_filled(const Shape &shape, const uint8_t *results, const uint8_t *images, const uint8_t *masks);

}  // namespace lama

// What a model has computed, as bytes: lama_deploy/runtime/results.py, `check_computed`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shapes.h"

namespace lama {

// io: "uint8" (count x height x width x 3 bytes) or "float" (count x 3 x height x width). sizes, is_io: of `data`, and
// whether its elements are of that interface. Throws LAMA_ENGINE_ERROR for another shape or type, NaN and infinity.
void take_result(const Shape &shape, const std::string &io, const std::vector<int64_t> &sizes, bool is_io,
                 const void *data, uint8_t *results);

// Of "image" and "mask", as the interface has them.
std::vector<int64_t> image_sizes(const Shape &shape, const std::string &io);
std::vector<int64_t> mask_sizes(const Shape &shape, const std::string &io);

}  // namespace lama

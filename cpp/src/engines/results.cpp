#include "engines/results.h"

#include <cstring>

#include "engines/planes.h"
#include "errors.h"

namespace lama {

namespace {

std::string words(const std::vector<int64_t> &sizes) {
  std::string text;
  for (const int64_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "(" + text + ")";
}

}  // namespace

std::vector<int64_t> image_sizes(const Shape &shape, const std::string &io) {
  const auto [count, height, width] = shape;
  if (io == "float") return {count, 3, height, width};
  return {count, height, width, 3};
}

std::vector<int64_t> mask_sizes(const Shape &shape, const std::string &io) {
  const auto [count, height, width] = shape;
  if (io == "float") return {count, 1, height, width};
  return {count, height, width};
}

void take_result(const Shape &shape, const std::string &io, const std::vector<int64_t> &sizes, bool is_io,
                 const void *data, uint8_t *results) {
  const std::vector<int64_t> expected = image_sizes(shape, io);
  if (sizes != expected || !is_io || !data)
    throw Error(LAMA_ENGINE_ERROR, "the model gave a result of shape " + brief(words(sizes)) + " for pictures of " +
                                       words(expected) + "; export it again");
  if (io == "float")
    planes_to_bytes(shape, static_cast<const float *>(data), results);
  else
    std::memcpy(results, data, size_t(pixels_of(shape)) * 3);
}

}  // namespace lama

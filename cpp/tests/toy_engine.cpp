#include "toy_engine.h"

#include <algorithm>

namespace {

// Of rows and columns, for each channel.
struct Sums {
  Sums(int64_t height, int64_t width, const uint8_t *image, const uint8_t *mask)
      : rows(size_t(3 * height)), columns(size_t(3 * width)) {
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x, image += 3, ++mask)
        for (int64_t c = 0; c < 3 && !*mask; ++c) {
          rows[size_t(3 * y + c)] += image[c];
          columns[size_t(3 * x + c)] += image[c];
        }
  }
  std::vector<uint32_t> rows, columns;
};

void fill(int64_t height, int64_t width, const uint8_t *image, const uint8_t *mask, uint8_t *result) {
  const Sums all(height, width, image, mask);
  std::vector<uint32_t> above(size_t(3 * width));
  for (int64_t y = 0; y < height; ++y) {
    uint32_t left[3] = {}, holes = 0;
    for (int64_t x = 0; x < width; ++x, ++mask) {
      holes += *mask > 0;
      for (int64_t c = 0; c < 3; ++c, ++image, ++result) {
        const size_t column = size_t(3 * x + c);
        const uint32_t known = *mask ? 0 : *image;
        left[c] += known, above[column] += known;
        const uint32_t sums =
            2 * all.columns[column] + 3 * all.rows[size_t(3 * y + c)] + 5 * above[column] + 7 * left[c] + 11 * holes;
        const uint32_t place = uint32_t(13 * y + 17 * x + 19 * c + 23 * height + 29 * width);
        *result = uint8_t(*mask ? (sums + place) >> 3 : *image + 1u);
      }
    }
  }
}

}  // namespace

void ToyEngine::run(const lama::Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) {
  std::string line = is_fixed_ ? "fixed" : "run";
  for (const int64_t side : shape) line += " " + std::to_string(side);
  told_.push_back(line);
  if (manner_ == "alone" && shape[0] > 1) throw lama::Error(LAMA_ENGINE_ERROR, "more than one picture");
  const int64_t pixels = shape[1] * shape[2];
  for (int64_t i = 0; i < shape[0]; ++i)
    fill(shape[1], shape[2], images + 3 * pixels * i, masks + pixels * i, results + 3 * pixels * i);
  if (manner_ == "black") std::fill_n(results, 3 * pixels * shape[0], uint8_t(0));
}

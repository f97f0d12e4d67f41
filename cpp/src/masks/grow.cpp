#include "masks/grow.h"

#include <algorithm>
#include <cmath>

namespace lama {

namespace {

// Pixels as bits, 64 a word, the leftmost in the lowest; what is beyond the picture is no hole.
struct Rows {
  int64_t height, words;
  std::vector<uint64_t> values;

  uint64_t *row(int64_t y) { return values.data() + y * words; }
  const uint64_t *row(int64_t y) const { return values.data() + y * words; }
};

Rows packed(const Hole &hole) {
  const int64_t words = (hole.width + 63) / 64;
  Rows rows{hole.height, words, std::vector<uint64_t>(size_t(hole.height * words))};
  for (int64_t y = 0; y < hole.height; ++y)
    for (int64_t x = 0; x < hole.width; ++x)
      if (hole.row(y)[x]) rows.row(y)[x / 64] |= uint64_t(1) << (x % 64);
  return rows;
}

// By one pixel to the left and to the right.
void widen(Rows &rows) {
  for (int64_t y = 0; y < rows.height; ++y) {
    uint64_t *row = rows.row(y);
    uint64_t before = 0;
    for (int64_t i = 0; i < rows.words; ++i) {
      const uint64_t word = row[i], after = i + 1 < rows.words ? row[i + 1] : 0;
      row[i] = word | word << 1 | word >> 1 | before >> 63 | after << 63;
      before = word;
    }
  }
}

// `rows` laid over the result, `away` rows further up and further down.
void lay_over(Rows &result, const Rows &rows, int64_t away) {
  for (int64_t y = 0; y + away < rows.height; ++y)
    for (int64_t i = 0; i < rows.words; ++i) {
      result.row(y + away)[i] |= rows.row(y)[i];
      result.row(y)[i] |= rows.row(y + away)[i];
    }
}

int64_t integer_root(int64_t square) {
  int64_t root = int64_t(std::sqrt(double(square)));
  while (root * root > square) --root;
  while ((root + 1) * (root + 1) <= square) ++root;
  return root;
}

}  // namespace

// A disc is a stack of rows, the widest in the middle: the hole is widened row by row of it, from its rim inwards, and
// every width is laid over the result as far up and down as the disc has it.
void grow(Hole &hole, int radius) {
  if (radius == 0 || std::none_of(hole.values.begin(), hole.values.end(), [](uint8_t v) { return v != 0; })) return;
  Rows rows = packed(hole), result{rows.height, rows.words, std::vector<uint64_t>(rows.values.size())};
  int64_t reached = 0;
  for (int64_t away = std::min<int64_t>(radius, hole.height - 1); away >= 0; --away) {
    const int64_t wanted = std::min(integer_root(int64_t(radius) * radius - away * away), hole.width);
    for (; reached < wanted; ++reached) widen(rows);
    lay_over(result, rows, away);
  }
  for (int64_t y = 0; y < hole.height; ++y)
    for (int64_t x = 0; x < hole.width; ++x) hole.row(y)[x] = result.row(y)[x / 64] >> (x % 64) & 1;
}

}  // namespace lama

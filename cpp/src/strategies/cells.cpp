#include "strategies/cells.h"

#include <algorithm>
#include <cstring>

namespace lama {

namespace {

bool any_of(const uint8_t *bytes, int64_t count) {
  if (count == CELL) {
    uint64_t together;
    std::memcpy(&together, bytes, sizeof together);
    return together != 0;
  }
  return std::any_of(bytes, bytes + count, [](uint8_t byte) { return byte != 0; });
}

// A cell and its neighbours, as far as they lie inside.
struct Around {
  Around(const Cells &cells, int64_t y, int64_t x)
      : top(std::max<int64_t>(0, y - 1)),
        bottom(std::min(cells.height, y + 2)),
        left(std::max<int64_t>(0, x - 1)),
        right(std::min(cells.width, x + 2)) {}

  int64_t top, bottom, left, right;
};

// Gives the label to all that touch the cell, which has it already.
void spread(const Cells &cells, Cells &labels, int64_t first, int32_t label) {
  std::vector<int64_t> left{first};
  while (!left.empty()) {
    const int64_t place = left.back();
    left.pop_back();
    const Around around(cells, place / cells.width, place % cells.width);
    for (int64_t y = around.top; y < around.bottom; ++y)
      for (int64_t x = around.left; x < around.right; ++x)
        if (cells.at(y, x) > 0 && !labels.at(y, x)) {
          labels.at(y, x) = label;
          left.push_back(y * cells.width + x);
        }
  }
}

// The depth of a cell, by what its neighbours have so far.
int32_t by_neighbours(const Cells &depth, int64_t y, int64_t x) {
  int32_t least = depth.at(y, x);
  const Around around(depth, y, x);
  for (int64_t row = around.top; row < around.bottom; ++row)
    for (int64_t column = around.left; column < around.right; ++column)
      least = std::min(least, depth.at(row, column) + 1);
  return std::min(least, depth.at(y, x));
}

}  // namespace

bool has_hole(const Hole &hole) {
  // All zero is to be equal to itself one byte later, which is compared many bytes at once.
  const std::vector<uint8_t> &bytes = hole.values;
  return !bytes.empty() && (bytes[0] || std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) != 0);
}

Cells cells_of(const Hole &hole) {
  Cells cells(divided_up(hole.height, CELL), divided_up(hole.width, CELL));
  for (int64_t y = 0; y < hole.height; ++y) {
    const uint8_t *row = hole.row(y);
    int32_t *found = &cells.at(y / CELL, 0);
    for (int64_t x = 0; x < cells.width; ++x) found[x] |= any_of(row + x * CELL, std::min(CELL, hole.width - x * CELL));
  }
  return cells;
}

Window cells_under(const Window &pixels) {
  const int64_t top = pixels.top / CELL, left = pixels.left / CELL;
  return {top, left, divided_up(pixels.bottom(), CELL) - top, divided_up(pixels.right(), CELL) - left};
}

Window pixels_under(const Window &cells, const Size &picture) {
  const int64_t top = cells.top * CELL, left = cells.left * CELL;
  return {top, left, std::min(cells.bottom() * CELL, picture[0]) - top,
          std::min(cells.right() * CELL, picture[1]) - left};
}

Labels connected(const Cells &cells) {
  Labels labels{Cells(cells.height, cells.width), 0};
  for (int64_t y = 0; y < cells.height; ++y)
    for (int64_t x = 0; x < cells.width; ++x)
      if (cells.at(y, x) > 0 && !labels.cells.at(y, x)) {
        labels.cells.at(y, x) = ++labels.count;
        spread(cells, labels.cells, y * cells.width + x, labels.count);
      }
  return labels;
}

Cells depths(const Cells &cells) {
  // A king's shortest way never leaves the picture, and goes only down and then only up, or the other way: so two
  // passes find it, down with what lies above and left, up with the rest.
  const int32_t all_hole = int32_t(std::max(cells.height, cells.width)) + 1;
  Cells depth(cells.height, cells.width);
  for (size_t i = 0; i < cells.values.size(); ++i) depth.values[i] = cells.values[i] > 0 ? all_hole : 0;
  for (int64_t y = 0; y < cells.height; ++y)
    for (int64_t x = 0; x < cells.width; ++x) depth.at(y, x) = by_neighbours(depth, y, x);
  for (int64_t y = cells.height - 1; y >= 0; --y)
    for (int64_t x = cells.width - 1; x >= 0; --x) depth.at(y, x) = by_neighbours(depth, y, x);
  return depth;
}

std::vector<Window> boxes_of(const Labels &labels) {
  std::vector<Window> boxes(size_t(labels.count));
  for (int64_t y = 0; y < labels.cells.height; ++y)
    for (int64_t x = 0; x < labels.cells.width; ++x)
      if (const int32_t label = labels.cells.at(y, x)) {
        Window &box = boxes[size_t(label - 1)];
        const Window cell{y, x, 1, 1};
        box = box.height ? Window::around({box, cell}) : cell;
      }
  return boxes;
}

}  // namespace lama

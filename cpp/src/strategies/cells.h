// Holes on a grid of cells, 8 pixels a side: which belong together, and how thick they are. As cells.py of lama_deploy.
#pragma once

#include <cstdint>
#include <vector>

#include "pictures.h"
#include "strategies/windows.h"

namespace lama {

constexpr int64_t CELL = 8;  // pixels a side

// A value for each cell of a picture, row by row.
struct Cells {
  Cells(int64_t height, int64_t width) : height(height), width(width), values(size_t(height * width)) {}

  int64_t height, width;
  std::vector<int32_t> values;

  int32_t &at(int64_t y, int64_t x) { return values[size_t(y * width + x)]; }
  int32_t at(int64_t y, int64_t x) const { return values[size_t(y * width + x)]; }
};

// Whether any pixel is hole.
bool has_hole(const Hole &hole);

// 1 for cells with a hole pixel, else 0.
Cells cells_of(const Hole &hole);

// Cells that a window touches, as a window of them.
Window cells_under(const Window &pixels);

// The pixels that a window of cells covers, in a picture of this size.
Window pixels_under(const Window &cells, const Size &picture);

struct Labels {
  Cells cells;
  int32_t count;
};

// Labels 1, 2, ... for cells above 0 that touch at a side or a corner, in the order of their first cells, from the top
// row; 0 for the others.
Labels connected(const Cells &cells);

// How many king's moves each cell above 0 is from the nearest that is 0. Beyond the picture nothing is known. All above
// 0: one more than the longer side.
Cells depths(const Cells &cells);

// Around each of the labels 1 to `count`, in cells; each of them is there.
std::vector<Window> boxes_of(const Labels &labels);

}  // namespace lama

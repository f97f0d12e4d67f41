#include "strategies/holes.h"

#include <algorithm>

namespace lama {

namespace {

constexpr double CONTEXT = 0.5;  // of a hole's thickness, that a window shows on each side of it

int64_t margin_of(int64_t least, int64_t thickness) {
  return std::max(least, int64_t(CONTEXT * double(thickness)));
}

// How many pixels the holes 1 to `count` are across, where they are thickest.
std::vector<int64_t> thicknesses(const Labels &labels, const Cells &depth) {
  std::vector<int64_t> largest(size_t(labels.count) + 1);
  for (size_t i = 0; i < depth.values.size(); ++i) {
    int64_t &one = largest[size_t(labels.cells.values[i])];
    one = std::max(one, 2 * CELL * int64_t(depth.values[i]));
  }
  largest.erase(largest.begin());  // of what is no hole
  return largest;
}

// 1 where a window lies on a cell: its corners are noted, whose sums up to a cell count the windows over it.
Cells painted(const Cells &labels, const std::vector<Window> &windows, const std::vector<bool> &chosen) {
  Cells sums(labels.height + 1, labels.width + 1), cells(labels.height, labels.width);
  for (size_t i = 0; i < windows.size(); ++i)
    if (chosen[i]) {
      const Window one = cells_under(windows[i]);
      ++sums.at(one.top, one.left), --sums.at(one.bottom(), one.left);
      --sums.at(one.top, one.right()), ++sums.at(one.bottom(), one.right());
    }
  for (int64_t y = 0; y < cells.height; ++y)
    for (int64_t x = 0, row = 0; x < cells.width; ++x) {
      row += sums.at(y, x);
      sums.at(y, x) = int32_t(row) + (y ? sums.at(y - 1, x) : 0);
      cells.at(y, x) = sums.at(y, x) > 0;
    }
  return cells;
}

// Of the chosen holes, those together whose windows overlap.
void group(const Labels &labels, const Cells &depth, const std::vector<Window> &windows,
           const std::vector<bool> &chosen, int64_t margin, const Size &size, std::vector<Region> &regions) {
  const Labels groups = connected(painted(labels.cells, windows, chosen));
  Labels owners{Cells(labels.cells.height, labels.cells.width), groups.count};
  for (size_t i = 0; i < owners.cells.values.size(); ++i) {
    const int32_t label = labels.cells.values[i];
    owners.cells.values[i] = label && chosen[size_t(label - 1)] ? groups.cells.values[i] : 0;
  }
  const std::vector<Window> boxes = boxes_of(owners), around = boxes_of(groups);
  const std::vector<int64_t> thickest = thicknesses(owners, depth);
  const auto shared = std::make_shared<const Cells>(std::move(owners.cells));
  for (size_t i = 0; i < boxes.size(); ++i)
    regions.push_back({pixels_under(boxes[i], size), pixels_under(around[i], size), thickest[i],
                       margin_of(margin, thickest[i]), shared, int32_t(i + 1)});
}

}  // namespace

std::vector<Region> find_holes(const Hole &hole, int64_t margin, const IsLarge &is_large) {
  const Size size = hole.size();
  const Cells cells = cells_of(hole);
  const Labels labels = connected(cells);
  const Cells depth = depths(cells);
  const std::vector<int64_t> thickest = thicknesses(labels, depth);
  std::vector<Window> windows = boxes_of(labels);
  std::vector<bool> large, small;
  for (size_t i = 0; i < windows.size(); ++i) {
    const Window box = pixels_under(windows[i], size);
    const int64_t context = margin_of(margin, thickest[i]);
    windows[i] = box.grown({box.height + 2 * context, box.width + 2 * context}, size);
    large.push_back(is_large(windows[i], thickest[i]));
    small.push_back(!large[i]);
  }
  std::vector<Region> regions;
  for (const std::vector<bool> &some : {large, small})
    if (std::find(some.begin(), some.end(), true) != some.end())
      group(labels, depth, windows, some, margin, size, regions);
  return regions;
}

}  // namespace lama

#include "strategies/tiling.h"

#include <algorithm>
#include <set>

namespace lama {

namespace {

constexpr int64_t SMALLEST = 256;  // pixels a side, where memory and engine leave the choice
constexpr double STEP = 1.5;       // from one size that is considered to the next

// How many cells are the hole's own, up to each row and column of its box.
Cells counts_of(const Region &hole) {
  const Window box = cells_under(hole.box);
  Cells counts(box.height + 1, box.width + 1);
  for (int64_t y = 0; y < box.height; ++y)
    for (int64_t x = 0, row = 0; x < box.width; ++x) {
      row += hole.owners->at(box.top + y, box.left + x) == hole.index;
      counts.at(y + 1, x + 1) = counts.at(y, x + 1) + int32_t(row);
    }
  return counts;
}

bool has_cells(const Cells &counts, const Window &part) {
  return counts.at(part.bottom(), part.right()) - counts.at(part.top, part.right()) -
             counts.at(part.bottom(), part.left) + counts.at(part.top, part.left) >
         0;
}

// Where parts of at most so much begin, and the last one ends.
std::vector<int64_t> edges_of(int64_t start, int64_t length, int64_t most) {
  const int64_t count = divided_up(length, std::max<int64_t>(1, most));
  std::vector<int64_t> edges;
  for (int64_t i = 0; i <= count; ++i) edges.push_back(start + i * length / count);
  return edges;
}

std::vector<Window> cores_by(const Cells &counts, const Region &hole, const Size &size) {
  // What a tile shows at each edge and does not fill: as much as the hole wants around it, a fourth at most.
  const int64_t border = std::min(hole.margin, std::min(size[0], size[1]) / 4);
  const Window &box = hole.box, cells = cells_under(box);
  const std::vector<int64_t> rows = edges_of(box.top, box.height, size[0] - 2 * border);
  const std::vector<int64_t> columns = edges_of(box.left, box.width, size[1] - 2 * border);
  std::vector<Window> cores;
  for (size_t y = 0; y + 1 < rows.size(); ++y)
    for (size_t x = 0; x + 1 < columns.size(); ++x) {
      const Window core{rows[y], columns[x], rows[y + 1] - rows[y], columns[x + 1] - columns[x]};
      if (has_cells(counts, cells_under(core).within(cells))) cores.push_back(core);
    }
  return cores;
}

}  // namespace

std::vector<Window> cores_of(const Region &hole, const Size &size) {
  return cores_by(counts_of(hole), hole, size);
}

Size best_size(const Region &hole, const Size &most) {
  // Lines want small tiles, specks all over a picture large ones, whose borders are a smaller part of them.
  const auto within = [&](int64_t side) { return Size{std::min(side, most[0]), std::min(side, most[1])}; };
  const int64_t least = std::max(SMALLEST, divided_up(3 * hole.thickness, BUCKET) * BUCKET);
  std::set<Size> sizes{within(least), most};
  for (double side = double(least) * STEP; side < double(std::max(most[0], most[1])); side *= STEP)
    sizes.insert(within(divided_up(int64_t(side), BUCKET) * BUCKET));
  const Cells counts = counts_of(hole);
  const auto cost = [&](const Size &size) { return int64_t(cores_by(counts, hole, size).size()) * pixels_of(size); };
  Size best = *sizes.begin();
  int64_t lowest = cost(best);
  for (const Size &size : sizes)
    if (const int64_t one = cost(size); one < lowest) best = size, lowest = one;
  return best;
}

}  // namespace lama

// The holes of a picture with the windows that they need, where those overlap as one. As holes.py of lama_deploy.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "strategies/cells.h"

namespace lama {

// Holes whose windows overlap, or one alone; `Hole` of holes.py. box: around its cells, window: with context, inside
// the picture. thickness: pixels across where it is thickest. margin: pixels of context that it wants at least. owners:
// `index` where a cell's hole is this one's; all of the window's other holes are somebody else's.
struct Region {
  Window box, window;
  int64_t thickness, margin;
  std::shared_ptr<const Cells> owners;
  int32_t index;
};

// Whether a hole of this window and thickness is to be filled at a lower resolution.
using IsLarge = std::function<bool(const Window &, int64_t)>;

// margin: pixels of context at least. From the top to the bottom, those first that `is_large` tells, which smaller ones
// beside them need not join.
std::vector<Region> find_holes(const Hole &hole, int64_t margin, const IsLarge &is_large);

}  // namespace lama

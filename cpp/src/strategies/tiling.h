// Tiles over a hole: how large they are, which parts of it each of them fills. As tiling.py of lama_deploy.
#pragma once

#include <vector>

#include "strategies/holes.h"

namespace lama {

// The parts that tiles of `size` fill: evenly over the hole's box, without those that have none.
std::vector<Window> cores_of(const Region &hole, const Size &size);

// Of the sizes up to `most` that show as much beside the hole as it is thick, the one that costs the fewest pixels.
Size best_size(const Region &hole, const Size &most);

}  // namespace lama

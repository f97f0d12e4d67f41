// Drives fillings: windows of equal size run together, whichever holes and pictures they belong to. As running.py of
// lama_deploy, but that the first failure ends all of it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "strategies/fillings.h"
#include "strategies/parts.h"

namespace lama {

using Requests = std::vector<const Request *>;

// Of requests of one size, at least one, the pictures filled. Throws what `run` does, and LAMA_ENGINE_ERROR for what is
// no picture.
std::vector<Picture> run_together(const Run &run, const Requests &requests);

// together: how many windows of a size run as one batch; where they fail together they run one by one. computed: is
// told after each run how many windows it was. What it throws ends the work, as does what `run` throws for one window
// alone.
void run_fillings(const Run &run, const std::vector<std::unique_ptr<Filling>> &fillings,
                  const std::function<int64_t(const Size &)> &together, const std::function<void(size_t)> &computed);

}  // namespace lama

// Pictures of any size over one backend: planned, run together, set back. As strategist.py of lama_deploy, and what
// inpainter.py decides: `run` for pictures of one size, `run_many` for others.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "log.h"
#include "options.h"
#include "strategies/parts.h"
#include "strategies/plan.h"
#include "strategies/whole.h"

namespace lama {

// Is told after each run of the engine how many windows of how many are computed; ends the call by what it throws.
using Progress = std::function<void(size_t done, size_t all)>;

// Safe to call from as many threads as the backend is.
class Strategist {
 public:
  // The backend outlives it. memory_limit: bytes that the process may have in all; 0: as the system says.
  Strategist(Backend &backend, const StrategyOptions &options, int64_t memory_limit, const Log &log);

  // With the memory that is free now.
  Plan plan(const Hole &hole) const;

  // The pictures filled; as many holes, each of its picture's size. What has no hole comes back as it is. Throws what
  // fails first, of any picture, and what `progress` throws; that may be empty.
  std::vector<Picture> fill(std::vector<Picture> pictures, const std::vector<Hole> &holes, const Progress &progress);

  // Computes pictures with nothing in them, so that what an engine prepares for a size is ready.
  void warm_up(const Shape &shape);

 private:
  void fill_batch(std::vector<Picture> &pictures, const std::vector<Hole> &holes, const Progress &progress);
  void fill_planned(std::vector<Picture> &pictures, const std::vector<Hole> &holes, const std::vector<Plan> &plans,
                    const Progress &progress);
  int64_t together(const Size &size) const;
  void tell(const std::vector<Plan> &plans);

  const StrategyOptions options_;
  const Capabilities &capabilities_;
  const Log log_;
  Whole whole_;
  const Run run_;
  std::atomic<bool> said_engine_{false};
};

}  // namespace lama

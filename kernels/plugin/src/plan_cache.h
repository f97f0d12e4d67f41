// Prepared plans of the shapes that an execution context has run.
#pragma once

#include <list>
#include <memory>

#include "status.h"

namespace lama {

using SharedPlan = std::shared_ptr<const lama_spectral_plan>;

// The plan, prepared on the current device. All layers and contexts of a process share one per shape and device: a
// plan keeps nothing of a run.
Status prepared_plan(const lama_spectral_desc &desc, int device, SharedPlan *plan);

// What one context holds on to. CUDA graphs that captured a plan read its constants, so the bound is generous: a graph
// of a shape that kCapacity other shapes followed must be captured again.
class PlanCache {
 public:
  static constexpr size_t kCapacity = 64;

  // Makes and prepares what is not there, which allocates and waits: not during a capture.
  Status get(const lama_spectral_desc &desc, const lama_spectral_plan **plan);

 private:
  struct Entry {
    lama_spectral_desc desc;
    int device;
    SharedPlan plan;
  };
  std::list<Entry> entries_;  // last used first
};

}  // namespace lama

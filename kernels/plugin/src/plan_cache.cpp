#include "plan_cache.h"

#include <cuda_runtime_api.h>

#include <array>
#include <map>
#include <mutex>

#include "cuda_status.h"

namespace {

using Key = std::array<int, 8>;

Key key_of(const lama_spectral_desc &d, int device) {
  return {d.batch, d.channels, d.height, d.width, d.dtype, d.layout, d.backend, device};
}

// Never destroyed: contexts may outlive this library's static objects.
std::map<Key, std::weak_ptr<const lama_spectral_plan>> &plans_of_process() {
  static auto *plans = new std::map<Key, std::weak_ptr<const lama_spectral_plan>>;
  return *plans;
}

void forget_expired_plans() {
  auto &plans = plans_of_process();
  for (auto at = plans.begin(); at != plans.end();) at = at->second.expired() ? plans.erase(at) : std::next(at);
}

}  // namespace

lama::Status lama::prepared_plan(const lama_spectral_desc &desc, int device, SharedPlan *plan) {
  static std::mutex mutex;  // held while preparing: the other layers of this shape wait for one plan
  const std::lock_guard<std::mutex> lock(mutex);
  std::weak_ptr<const lama_spectral_plan> &known = plans_of_process()[key_of(desc, device)];
  *plan = known.lock();
  if (*plan != nullptr) return LAMA_SPECTRAL_OK;
  lama_spectral_plan *made = nullptr;
  LAMA_RETURN_IF_FAILED(lama_spectral_create(&desc, &made));
  const std::shared_ptr<lama_spectral_plan> owned(made, lama_spectral_destroy);
  LAMA_RETURN_IF_FAILED(lama_spectral_prepare(made));
  known = owned;
  *plan = owned;
  forget_expired_plans();
  return LAMA_SPECTRAL_OK;
}

lama::Status lama::PlanCache::get(const lama_spectral_desc &desc, const lama_spectral_plan **plan) {
  int device = 0;
  LAMA_RETURN_IF_FAILED(cuda_status(cudaGetDevice(&device), "no CUDA device"));
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (key_of(at->desc, at->device) != key_of(desc, device)) continue;
    entries_.splice(entries_.begin(), entries_, at);
    *plan = at->plan.get();
    return LAMA_SPECTRAL_OK;
  }
  SharedPlan prepared;
  LAMA_RETURN_IF_FAILED(prepared_plan(desc, device, &prepared));
  if (entries_.size() == kCapacity) entries_.pop_back();
  entries_.push_front({desc, device, prepared});
  *plan = prepared.get();
  return LAMA_SPECTRAL_OK;
}

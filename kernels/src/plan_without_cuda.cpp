// What needs a GPU, in a library that was built without CUDA: sizes and the reference work, runs and updates do not.
#include <new>

#include "lama/frame.h"
#include "status.h"

struct lama_spectral_plan {
  size_t workspace_bytes;
};

namespace {

lama_spectral_status refuse() {
  return lama::fail(LAMA_SPECTRAL_LIBRARY_MISSING, "this library was built without CUDA; build it with -DLAMA_CUDA=ON");
}

}  // namespace

extern "C" int lama_spectral_abi_version(void) {
  return LAMA_SPECTRAL_ABI_VERSION;
}

extern "C" lama_spectral_status lama_spectral_create(const lama_spectral_desc *desc, lama_spectral_plan **plan) {
  if (plan == nullptr) return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "plan is NULL");
  *plan = nullptr;
  size_t bytes = 0;
  LAMA_RETURN_IF_FAILED(lama_spectral_workspace_size(desc, &bytes));
  *plan = new (std::nothrow) lama_spectral_plan{bytes};
  return *plan == nullptr ? LAMA_SPECTRAL_OUT_OF_MEMORY : LAMA_SPECTRAL_OK;
}

extern "C" lama_spectral_status lama_spectral_prepare(lama_spectral_plan *) {
  return refuse();
}

extern "C" lama_spectral_backend lama_spectral_plan_backend(const lama_spectral_plan *) {
  return LAMA_SPECTRAL_AUTO;
}

extern "C" size_t lama_spectral_plan_workspace_size(const lama_spectral_plan *plan) {
  return plan == nullptr ? 0 : plan->workspace_bytes;
}

extern "C" lama_spectral_status lama_spectral_run(const lama_spectral_plan *, const lama_spectral_arguments *, void *,
                                                  size_t, void *) {
  return refuse();
}

extern "C" lama_spectral_status lama_frame_update(const lama_frame_desc *, const void *, const void *, const void *,
                                                  void *, void *, void *, void *) {
  return refuse();
}

extern "C" void lama_spectral_destroy(lama_spectral_plan *plan) {
  delete plan;
}

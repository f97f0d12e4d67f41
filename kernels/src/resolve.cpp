// Which implementation AUTO stands for.
#include <algorithm>

#include "description.h"

namespace lama {
namespace {

// Up to which longest side of the latent the tensor-core transforms are the faster ones, by architecture: the last row
// that is not newer than the device counts. 90 is measured, on an H200 in float16 (benchmarks/results): at 512 cuFFT is
// the faster one by a third. The others are NOT MEASURED YET and taken from it. benchmarks/gpu/spectral/run.py prints
// the rows to put here.
struct Crossover {
  int compute_capability;
  int longest_side;
};
constexpr Crossover kCrossovers[] = {{80, 256}, {90, 256}, {100, 256}, {120, 256}};

int longest_side(int compute_capability) {
  int found = 0;
  for (const Crossover &row : kCrossovers) {
    if (row.compute_capability <= compute_capability) found = row.longest_side;
  }
  return found;
}

}  // namespace
}  // namespace lama

extern "C" lama_spectral_status lama_spectral_resolve(const lama_spectral_desc *desc, int compute_capability,
                                                      lama_spectral_backend *backend) {
  LAMA_RETURN_IF_FAILED(lama::check(desc));
  if (backend == nullptr) return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "backend is NULL");
  if (desc->backend == LAMA_SPECTRAL_TENSOR_CORE) {
    LAMA_RETURN_IF_FAILED(lama::check_tensor_core(*desc));
    if (compute_capability < lama::kTensorCoreCapability) {
      return lama::fail(LAMA_SPECTRAL_UNSUPPORTED,
                        "this device has compute capability %d.%d; the tensor-core transforms need 8.0; use cuFFT",
                        compute_capability / 10, compute_capability % 10);
    }
  }
  *backend = desc->backend;
  if (desc->backend != LAMA_SPECTRAL_AUTO) return LAMA_SPECTRAL_OK;
  const bool possible = lama::check_tensor_core(*desc) == LAMA_SPECTRAL_OK;
  const bool faster = std::max(desc->height, desc->width) <= lama::longest_side(compute_capability);
  *backend = possible && faster ? LAMA_SPECTRAL_TENSOR_CORE : LAMA_SPECTRAL_CUFFT;
  return LAMA_SPECTRAL_OK;
}

// Workspace sizes by arithmetic alone.
#include <algorithm>

#include "workspace_layout.h"

namespace {

using lama::Description;

// Non-decreasing in batch, height and width, so that the largest member of a range needs the most.
size_t workspace(const Description &desc) {
  const bool tensor_core = desc.backend != LAMA_SPECTRAL_CUFFT && lama::check_tensor_core(desc) == LAMA_SPECTRAL_OK;
  const size_t dense = tensor_core ? lama::TensorCoreLayout(desc).end : 0;
  return desc.backend == LAMA_SPECTRAL_TENSOR_CORE ? dense : std::max(dense, lama::CufftLayout(desc).end);
}

lama::Status refuse_unsupported(const Description &desc) {
  return desc.backend == LAMA_SPECTRAL_TENSOR_CORE ? lama::check_tensor_core(desc) : LAMA_SPECTRAL_OK;
}

}  // namespace

extern "C" lama_spectral_status lama_spectral_workspace_size(const lama_spectral_desc *desc, size_t *bytes) {
  LAMA_RETURN_IF_FAILED(lama::check(desc));
  LAMA_RETURN_IF_FAILED(refuse_unsupported(*desc));
  if (bytes == nullptr) return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "bytes is NULL");
  *bytes = workspace(*desc);
  return LAMA_SPECTRAL_OK;
}

extern "C" lama_spectral_status lama_spectral_workspace_size_range(const lama_spectral_desc *smallest,
                                                                   const lama_spectral_desc *largest, size_t *bytes) {
  LAMA_RETURN_IF_FAILED(lama::check(smallest));
  LAMA_RETURN_IF_FAILED(lama::check(largest));
  if (smallest->channels != largest->channels || smallest->dtype != largest->dtype ||
      smallest->layout != largest->layout || smallest->backend != largest->backend) {
    return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT,
                      "smallest and largest differ in channels, dtype, layout or backend; only batch, height and width "
                      "may differ");
  }
  if (smallest->batch > largest->batch || smallest->height > largest->height || smallest->width > largest->width) {
    return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "smallest exceeds largest in batch, height or width");
  }
  LAMA_RETURN_IF_FAILED(refuse_unsupported(*largest));
  if (bytes == nullptr) return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "bytes is NULL");
  // Beyond MAX_DENSE only cuFFT is left, so the largest member that tensor cores take may need more than the largest.
  Description dense = *largest;
  dense.height = std::min<int32_t>(dense.height, LAMA_SPECTRAL_MAX_DENSE);
  dense.width = std::min<int32_t>(dense.width, LAMA_SPECTRAL_MAX_DENSE);
  *bytes = std::max(workspace(*largest), workspace(dense));
  return LAMA_SPECTRAL_OK;
}

// CUDA's errors as ours.
#pragma once

#include <cuda_runtime_api.h>

#include "status.h"

namespace lama {

inline Status cuda_status(cudaError_t error, const char *what) {
  if (error == cudaSuccess) return LAMA_SPECTRAL_OK;
  const Status status = error == cudaErrorMemoryAllocation ? LAMA_SPECTRAL_OUT_OF_MEMORY : LAMA_SPECTRAL_CUDA_ERROR;
  return fail(status, "%s: %s (%s)", what, cudaGetErrorString(error), cudaGetErrorName(error));
}

}  // namespace lama

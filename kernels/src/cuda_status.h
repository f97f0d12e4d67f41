// CUDA's errors as ours.
#pragma once

#include <cuda_runtime_api.h>

#include "status.h"

namespace lama {

// What to do about errors that a user can mend.
inline const char *advice(cudaError_t error) {
  switch (error) {
    case cudaErrorInsufficientDriver:
      return "; update the NVIDIA driver, or build this library with an older CUDA toolkit";
    case cudaErrorNoDevice:
      return "; nvidia-smi and CUDA_VISIBLE_DEVICES show which GPUs there are";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return "; build this library for this GPU: python -m lama_deploy.cli.build_kernels";
    default:
      return "";
  }
}

// LIBRARY_MISSING without a driver that is new enough, UNSUPPORTED without code for the device.
inline Status status_of(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return LAMA_SPECTRAL_OUT_OF_MEMORY;
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
      return LAMA_SPECTRAL_LIBRARY_MISSING;
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return LAMA_SPECTRAL_UNSUPPORTED;
    default:
      return LAMA_SPECTRAL_CUDA_ERROR;
  }
}

inline Status cuda_status(cudaError_t error, const char *what) {
  if (error == cudaSuccess) return LAMA_SPECTRAL_OK;
  return fail(status_of(error), "%s: %s (%s)%s", what, cudaGetErrorString(error), cudaGetErrorName(error),
              advice(error));
}

}  // namespace lama

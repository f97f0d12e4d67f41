// Start a program (device.h) on a stream.
#pragma once

#include <cuda_runtime.h>

#if defined(LAMA_EMULATED)
#include "../emulation/emulated_launch.h"
#else

#include "device.h"

namespace lama {

inline constexpr size_t kSharedWithoutAsking = 48 * 1024;

template <class Program>
__global__ void __launch_bounds__(Program::kThreads)
    program_kernel(const __grid_constant__ typename Program::Parameters parameters) {
  extern __shared__ __align__(128) unsigned char shared[];
  Program::run(parameters, shared);
}

// Allow launches of `Program` with up to `shared_bytes` on the current device.
template <class Program>
cudaError_t allow_shared(size_t shared_bytes) {
  if (shared_bytes <= kSharedWithoutAsking) return cudaSuccess;
  return cudaFuncSetAttribute(program_kernel<Program>, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes));
}

template <class Program>
cudaError_t launch(dim3 grid, size_t shared_bytes, cudaStream_t stream,
                   const typename Program::Parameters &parameters) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(Program::kThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, program_kernel<Program>, parameters);
}

}  // namespace lama
#endif

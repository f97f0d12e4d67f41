// Start a program (device.h) on a stream.
#pragma once

#include <cuda_runtime.h>

#include "cuda_status.h"

#if defined(LAMA_EMULATED)
#include "../emulation/emulated_launch.h"
#else

#include "device.h"

namespace lama {

// Before anything else a kernel waits for the one before it in the stream, which has let it come as its own last blocks
// ended: programmatic dependent launch, for the time that a launch takes. (A launch without its attribute finds nothing
// to wait for.) A kernel must not let the next one come any sooner: that one's blocks then take the places that are
// free, on few multiprocessors, and the unit at 64x64 was a fifth slower than without all this on an H200.
__device__ __forceinline__ void take_turn() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Of a program's blocks, as many as a multiprocessor of Turing can have: the others take 1536 threads or more.
template <class Program>
constexpr int resident_blocks() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  return Program::kBlocks * Program::kThreads > 1024 ? 1024 / Program::kThreads : Program::kBlocks;
#else
  return Program::kBlocks;
#endif
}

template <class Program>
__global__ void __launch_bounds__(Program::kThreads, resident_blocks<Program>())
    program_kernel(const __grid_constant__ typename Program::Parameters parameters) {
  extern __shared__ __align__(128) unsigned char shared[];
  take_turn();
  Program::run(parameters, shared);
}

// Whether the current device and its driver know such launches, captured ones too.
inline bool launches_overlap() {
  int device = 0, major = 0, driver = 0;
  return cudaGetDevice(&device) == cudaSuccess && cudaDriverGetVersion(&driver) == cudaSuccess && driver >= 12030 &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess && major >= 9;
}

template <class Program>
cudaError_t launch(dim3 grid, size_t shared_bytes, cudaStream_t stream,
                   const typename Program::Parameters &parameters) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(Program::kThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &overlap;
  config.numAttrs = launches_overlap() ? 1 : 0;
  return cudaLaunchKernelEx(&config, program_kernel<Program>, parameters);
}

}  // namespace lama
#endif

namespace lama {

inline constexpr size_t kSharedWithoutAsking = 48 * 1024;

// Allow launches of `Program` with `shared_bytes` on the current device; UNSUPPORTED where a block gets less there. All
// that the device has is allowed: the attribute is the kernel's, so that a smaller plan, prepared later, would take
// from a larger one what it needs.
template <class Program>
Status allow_shared(size_t shared_bytes) {
  if (shared_bytes <= kSharedWithoutAsking) return LAMA_SPECTRAL_OK;
  const auto *kernel = reinterpret_cast<const void *>(program_kernel<Program>);
  const char *what = "shared memory of a kernel";
  int device = 0, most = 0;
  cudaFuncAttributes attributes{};
  LAMA_RETURN_IF_FAILED(cuda_status(cudaGetDevice(&device), what));
  LAMA_RETURN_IF_FAILED(
      cuda_status(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), what));
  LAMA_RETURN_IF_FAILED(cuda_status(cudaFuncGetAttributes(&attributes, kernel), what));
  const size_t dynamic = size_t(most) - attributes.sharedSizeBytes;
  if (shared_bytes > dynamic) {
    return fail(LAMA_SPECTRAL_UNSUPPORTED, "a block needs %zu bytes of shared memory, this device gives %zu; use cuFFT",
                shared_bytes, dynamic);
  }
  return cuda_status(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(dynamic)), what);
}

}  // namespace lama

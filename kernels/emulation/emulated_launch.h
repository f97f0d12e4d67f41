// src/launch.h on a CPU.
#pragma once

#include "../src/device.h"
#include "emulated_runtime.h"

namespace lama {

template <class Program>
void program_kernel(const typename Program::Parameters &parameters, unsigned char *shared) {
  Program::run(parameters, shared);
}

template <class Program>
cudaError_t launch(dim3 grid, size_t shared_bytes, cudaStream_t stream,
                   const typename Program::Parameters &parameters) {
  const auto *kernel = reinterpret_cast<const void *>(program_kernel<Program>);
  if (const cudaError_t error = emulation::check_shared(kernel, shared_bytes); error != cudaSuccess) return error;
  emulation::finish_copies_before(stream);
  return emulation::run_grid(grid, Program::kThreads, shared_bytes,
                             [&](unsigned char *shared) { program_kernel<Program>(parameters, shared); });
}

}  // namespace lama

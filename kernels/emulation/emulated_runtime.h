// What launches ask of the runtime that runtime.cpp and streams.cpp emulate.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace lama::emulation {

// 10 * major + minor of the one device: 90, or what $LAMA_EMULATION_CAPABILITY says.
int capability();

// Whether $LAMA_EMULATION_WITHOUT, names with commas between, has `name`: cufft, cublasLt, device, driver.
bool is_missing(const char *name);

// cudaErrorInvalidValue where `kernel` may not have so much dynamic shared memory: 48 KiB, unless it was asked for
// more.
cudaError_t check_shared(const void *kernel, size_t shared_bytes);

// Copies that work on `stream` is ordered after happen, the others do not yet.
void finish_copies_before(cudaStream_t stream);
void finish_all_copies();

// What the calling thread may not do while another captures in global mode: the capture is lost then.
cudaError_t check_unsafe_call();

}  // namespace lama::emulation

// Constants into device memory, on the current device.
#pragma once

#include "cuda_status.h"

namespace lama {

// While it lives, the calling thread may allocate without spoiling what another thread captures.
class WhileOthersCapture {
 public:
  WhileOthersCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  WhileOthersCapture(const WhileOthersCapture &) = delete;
  WhileOthersCapture &operator=(const WhileOthersCapture &) = delete;
  ~WhileOthersCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

// Copy, and return when it is done, so that kernels on any stream may read. Not on the legacy stream: a copy from
// pageable memory may return before, streams that do not wait for the legacy one would not be ordered after it, and it
// is forbidden while one that does is captured.
inline Status upload(void *to, const void *from, size_t bytes, const char *what) {
  cudaStream_t stream = nullptr;
  LAMA_RETURN_IF_FAILED(cuda_status(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), what));
  const cudaError_t copied = cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream);
  const cudaError_t done = cudaStreamSynchronize(stream);
  cudaStreamDestroy(stream);
  return cuda_status(copied != cudaSuccess ? copied : done, what);
}

}  // namespace lama

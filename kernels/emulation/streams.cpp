// Streams, copies and captures of CUDA's runtime. A copy from pageable memory reads its source at once and writes to
// the device as late as it may: before work that is ordered after it, or when somebody waits for it. Kernels run where
// they are launched, whatever is pending on other streams.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "emulated_runtime.h"

namespace lama::emulation {
namespace {

struct Copy {
  cudaStream_t stream;
  void *to;
  std::vector<unsigned char> bytes;
};

struct Stream {
  bool blocking;  // against the legacy stream, in both directions
};

struct Capture {
  bool active = false, global = false, lost = false;
  cudaStream_t stream = nullptr;
};

std::recursive_mutex mutex;
std::vector<Copy> copies;
std::map<cudaStream_t, Stream> streams;
Capture capture;
thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

bool is_legacy(cudaStream_t stream) {
  return stream == nullptr || stream == cudaStreamLegacy;
}

bool is_blocking(cudaStream_t stream) {
  const auto found = streams.find(stream);
  return found == streams.end() || found->second.blocking;
}

bool is_ordered(cudaStream_t before, cudaStream_t after) {
  if (before == after || (is_legacy(before) && is_legacy(after))) return true;
  return (is_legacy(before) && is_blocking(after)) || (is_legacy(after) && is_blocking(before));
}

template <class Condition>
void finish(Condition condition) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  std::vector<Copy> left;
  for (Copy &copy : copies) {
    if (condition(copy)) {
      std::memcpy(copy.to, copy.bytes.data(), copy.bytes.size());
    } else {
      left.push_back(std::move(copy));
    }
  }
  copies = std::move(left);
}

}  // namespace

void finish_copies_before(cudaStream_t stream) {
  finish([&](const Copy &copy) { return is_ordered(copy.stream, stream); });
}

void finish_all_copies() {
  finish([](const Copy &) { return true; });
}

cudaError_t check_unsafe_call() {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  if (!capture.active || !capture.global || thread_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  capture.lost = true;
  return cudaErrorStreamCaptureUnsupported;
}

}  // namespace lama::emulation

using namespace lama::emulation;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  *stream = reinterpret_cast<cudaStream_t>(new char);
  streams[*stream] = {flags != cudaStreamNonBlocking};
  return cudaSuccess;
}

// Waits for nothing, as a device's: what is under way is still done, and as late as on any stream.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  const auto is_its = [&](const Copy &copy) { return copy.stream == stream; };
  if (std::any_of(copies.begin(), copies.end(), is_its)) return cudaSuccess;  // the stream is remembered for them
  streams.erase(stream);
  delete reinterpret_cast<char *>(stream);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  const auto *first = static_cast<const unsigned char *>(from);
  copies.push_back({stream, to, {first, first + bytes}});
  return cudaSuccess;
}

// On the legacy stream, which no stream that waits for it may capture meanwhile.
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
  if (capture.active && is_blocking(capture.stream)) {
    capture.lost = true;
    return cudaErrorStreamCaptureImplicit;
  }
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  if (capture.active && (stream == capture.stream || (is_legacy(stream) && is_blocking(capture.stream)))) {
    capture.lost = true;
    return cudaErrorStreamCaptureUnsupported;
  }
  finish_copies_before(stream);
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode) {
  std::swap(*mode, thread_mode);
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  capture = {true, mode == cudaStreamCaptureModeGlobal, false, stream};
  return cudaSuccess;
}

// There is no graph to give; whether there would be one is what tests ask.
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  *graph = nullptr;
  capture.active = false;
  return capture.lost ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
}
}

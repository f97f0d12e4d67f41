// What prepare leaves behind: plans of several sizes beside each other, on any stream, while others capture.
#include <cuda_runtime_api.h>

#include <cstdio>

#include "unit_run.h"

namespace {

int failures = 0;

void check(bool holds, const char *what) {
  if (holds) return;
  std::printf("failed: %s (%s)\n", what, lama_spectral_last_error());
  ++failures;
}

lama_spectral_desc dense(int height, int width) {
  return {1, 8, height, width, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_TENSOR_CORE};
}

// The shared memory that a kernel may have is the kernel's, not the plan's.
void test_a_smaller_plan_leaves_a_larger_one_alone(int larger, int smaller) {
  UnitRun first(dense(1, larger), false), second(dense(1, smaller), true);
  check(first.prepare() == LAMA_SPECTRAL_OK && first.error(nullptr) <= 1e-3, "the larger plan");
  check(second.prepare() == LAMA_SPECTRAL_OK && second.error(nullptr) <= 1e-3, "the smaller plan");
  check(first.error(nullptr) <= 1e-3, "the larger plan again");
}

// Streams that do not wait for the legacy stream, as PyTorch's, see the tables.
void test_a_side_stream_right_after_prepare(lama_spectral_backend backend) {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  lama_spectral_desc desc = dense(6, 10);
  desc.backend = backend;
  UnitRun unit(desc, true);
  check(unit.prepare() == LAMA_SPECTRAL_OK && unit.error(stream) <= 1e-3, "a side stream right after prepare");
  cudaStreamDestroy(stream);
}

void test_a_capture_elsewhere_survives(lama_spectral_backend backend, unsigned flags) {
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaStreamCreateWithFlags(&stream, flags);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
  {
    lama_spectral_desc desc = dense(5, 7);
    desc.backend = backend;
    UnitRun unit(desc, true);
    check(unit.prepare() == LAMA_SPECTRAL_OK, "prepare while another thread captures");
  }
  check(cudaStreamEndCapture(stream, &graph) == cudaSuccess, "the capture of another thread");
  cudaStreamDestroy(stream);
}

}  // namespace

int main() {
  for (const char *capability : {"86", "90"}) {
    setenv("LAMA_EMULATION_CAPABILITY", capability, 1);
    test_a_smaller_plan_leaves_a_larger_one_alone(512, 352);
  }
  test_a_smaller_plan_leaves_a_larger_one_alone(1024, 800);
  for (const auto backend : {LAMA_SPECTRAL_CUFFT, LAMA_SPECTRAL_TENSOR_CORE}) {
    test_a_side_stream_right_after_prepare(backend);
    test_a_capture_elsewhere_survives(backend, cudaStreamNonBlocking);
    test_a_capture_elsewhere_survives(backend, cudaStreamDefault);
  }
  return failures != 0;
}

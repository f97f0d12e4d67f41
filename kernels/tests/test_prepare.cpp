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

// AUTO becomes the other implementation where a library of its first choice is missing, and the line that says so
// stays.
void test_auto_does_without_a_library(const char *missing) {
  setenv("LAMA_EMULATION_WITHOUT", missing, 1);
  lama_spectral_desc wide = dense(1, 520);  // cuFFT's, on every device
  wide.backend = LAMA_SPECTRAL_AUTO;
  UnitRun unit(wide, false);
  check(unit.prepare() == LAMA_SPECTRAL_OK && unit.backend() == LAMA_SPECTRAL_TENSOR_CORE, "AUTO without a library");
  check(std::strstr(lama_spectral_last_error(), missing) != nullptr, "the line names what is missing");
  check(unit.error(nullptr) <= 1e-3, "what AUTO became");

  lama_spectral_desc odd = wide;
  odd.channels = 3;
  UnitRun neither(odd, false);
  check(neither.prepare() == LAMA_SPECTRAL_LIBRARY_MISSING, "AUTO where tensor cores do not take the shape");
  check(std::strstr(lama_spectral_last_error(), missing) != nullptr, "the first failure's line");
  check(neither.backend() == LAMA_SPECTRAL_AUTO, "a plan that is not prepared");

  setenv("LAMA_EMULATION_CAPABILITY", "75", 1);
  UnitRun old(wide, false);
  check(old.prepare() == LAMA_SPECTRAL_LIBRARY_MISSING, "AUTO on a device without these tensor cores");
  unsetenv("LAMA_EMULATION_CAPABILITY");

  wide.backend = LAMA_SPECTRAL_CUFFT;
  UnitRun named(wide, false);
  check(named.prepare() == LAMA_SPECTRAL_LIBRARY_MISSING, "a named backend is the only one");
  unsetenv("LAMA_EMULATION_WITHOUT");
  check(named.prepare() == LAMA_SPECTRAL_OK && named.error(nullptr) <= 1e-3, "the library is there again");
}

// A device whose blocks get less shared memory than the tensor-core transforms need.
void test_too_little_shared_memory() {
  setenv("LAMA_EMULATION_CAPABILITY", "81", 1);
  UnitRun named(dense(1, 512), false);
  check(named.prepare() == LAMA_SPECTRAL_UNSUPPORTED, "shared memory that a device does not have");
  check(std::strstr(lama_spectral_last_error(), "of shared memory, this device gives 49152") != nullptr, "the line");
  lama_spectral_desc automatic = dense(1, 512);
  automatic.backend = LAMA_SPECTRAL_AUTO;
  UnitRun unit(automatic, false);
  check(unit.prepare() == LAMA_SPECTRAL_OK && unit.backend() == LAMA_SPECTRAL_CUFFT, "AUTO without shared memory");
  unsetenv("LAMA_EMULATION_CAPABILITY");
}

void test_without_a_driver(const char *missing, const char *words) {
  setenv("LAMA_EMULATION_WITHOUT", missing, 1);
  UnitRun unit(dense(1, 4), false);
  check(unit.prepare() == LAMA_SPECTRAL_LIBRARY_MISSING, "no driver");
  check(std::strstr(lama_spectral_last_error(), words) != nullptr, "what to do next");
  unsetenv("LAMA_EMULATION_WITHOUT");
}

}  // namespace

int main() {
  test_auto_does_without_a_library("cufft");
  test_auto_does_without_a_library("cublasLt");
  test_too_little_shared_memory();
  test_without_a_driver("driver", "update the NVIDIA driver");
  test_without_a_driver("device", "nvidia-smi");
  for (const char *capability : {"86", "90"}) {
    setenv("LAMA_EMULATION_CAPABILITY", capability, 1);
    test_a_smaller_plan_leaves_a_larger_one_alone(512, 352);
  }
  setenv("LAMA_EMULATION_CAPABILITY", "86", 1);
  test_a_smaller_plan_leaves_a_larger_one_alone(703, 704);  // the last one for four warps, in all of 99 KiB
  unsetenv("LAMA_EMULATION_CAPABILITY");
  test_a_smaller_plan_leaves_a_larger_one_alone(1024, 800);
  for (const auto backend : {LAMA_SPECTRAL_CUFFT, LAMA_SPECTRAL_TENSOR_CORE}) {
    test_a_side_stream_right_after_prepare(backend);
    test_a_capture_elsewhere_survives(backend, cudaStreamNonBlocking);
    test_a_capture_elsewhere_survives(backend, cudaStreamDefault);
  }
  return failures != 0;
}

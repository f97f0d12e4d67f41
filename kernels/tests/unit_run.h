// Plans run on host memory by the emulated kernels, and how far they are from the float64 reference.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "lama/spectral.h"

// Aligned as a device allocation is, exactly as long as asked, and full of NaN.
class Buffer {
 public:
  explicit Buffer(size_t bytes) {
    void *memory = nullptr;  // not aligned_alloc, whose sizes are rounded up: the sanitizer must see the end
    if (posix_memalign(&memory, 256, bytes) != 0) std::abort();
    memory_ = static_cast<char *>(std::memset(memory, 0xff, bytes));
  }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() { std::free(memory_); }
  char *get() const { return memory_; }

 private:
  char *memory_;
};

inline size_t element_size(lama_spectral_dtype dtype) {
  return dtype == LAMA_SPECTRAL_FLOAT32 ? 4 : 2;
}

inline void put(const Buffer &buffer, lama_spectral_dtype dtype, size_t i, double value) {
  char *at = buffer.get() + i * element_size(dtype);
  if (dtype == LAMA_SPECTRAL_FLOAT32) *reinterpret_cast<float *>(at) = float(value);
  if (dtype == LAMA_SPECTRAL_FLOAT16) *reinterpret_cast<__half *>(at) = __float2half_rn(float(value));
  if (dtype == LAMA_SPECTRAL_BFLOAT16) *reinterpret_cast<__nv_bfloat16 *>(at) = __float2bfloat16_rn(float(value));
}

inline double get(const Buffer &buffer, lama_spectral_dtype dtype, size_t i) {
  const char *at = buffer.get() + i * element_size(dtype);
  if (dtype == LAMA_SPECTRAL_FLOAT32) return *reinterpret_cast<const float *>(at);
  if (dtype == LAMA_SPECTRAL_FLOAT16) return __half2float(*reinterpret_cast<const __half *>(at));
  return __bfloat162float(*reinterpret_cast<const __nv_bfloat16 *>(at));
}

// Random values of a type, and the same in float64.
struct Tensor {
  Tensor(size_t count, lama_spectral_dtype dtype, double deviation, double mean, unsigned seed)
      : device(count * element_size(dtype)), exact(count) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(mean, deviation);
    for (size_t i = 0; i < count; ++i) {
      put(device, dtype, i, normal(random));
      exact[i] = get(device, dtype, i);
    }
  }
  Buffer device;
  std::vector<double> exact;
};

// The worst error, of |y| at its place and eight times the map's root mean square: the ReLU's positive spectrum makes
// an impulse at the origin, beside which the rest of a large map would go unchecked.
inline double worst_error(const Buffer &y, lama_spectral_dtype dtype, const std::vector<double> &expected) {
  double squares = 0, worst = 0;
  for (const double value : expected) squares += value * value;
  const double typical = std::sqrt(squares / double(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(get(y, dtype, i) - expected[i]) / (std::abs(expected[i]) + 8 * typical);
    worst = error <= worst ? worst : error;  // NaN stays
  }
  return worst;
}

// A unit with random operands and the plan that computes it.
class UnitRun {
 public:
  UnitRun(const lama_spectral_desc &d, bool with_residual)
      : desc(d),
        with_residual_(with_residual),
        twice_(2 * size_t(d.channels)),
        count_(size_t(d.batch) * d.channels * d.height * d.width),
        x_(count_, d.dtype, 1, 0.5, 1),
        residual_(count_, d.dtype, 1, 0, 2),
        weight_(twice_ * twice_, d.dtype, 1 / std::sqrt(double(twice_)), 0, 3),
        bias_(twice_, d.dtype, 0.5, 0, 4),
        expected_(count_) {
    lama_spectral_reference(&d, x_.exact.data(), weight_.exact.data(), bias_.exact.data(),
                            with_residual ? residual_.exact.data() : nullptr, expected_.data());
  }
  UnitRun(const UnitRun &) = delete;
  UnitRun &operator=(const UnitRun &) = delete;
  ~UnitRun() { lama_spectral_destroy(plan_); }

  lama_spectral_status prepare() {
    if (plan_ == nullptr) {
      const lama_spectral_status status = lama_spectral_create(&desc, &plan_);
      if (status != LAMA_SPECTRAL_OK) return status;
    }
    return lama_spectral_prepare(plan_);
  }
  lama_spectral_backend backend() const { return lama_spectral_plan_backend(plan_); }

  // worst_error of one run, with as much workspace as lama_spectral_workspace_size says. NaN where it fails.
  double error(void *stream) const {
    size_t bytes = 0;
    if (lama_spectral_workspace_size(&desc, &bytes) != LAMA_SPECTRAL_OK) return NAN;
    const Buffer workspace(bytes), y(count_ * element_size(desc.dtype));
    const lama_spectral_arguments arguments = {x_.device.get(), weight_.device.get(), bias_.device.get(),
                                               with_residual_ ? residual_.device.get() : nullptr, y.get()};
    const lama_spectral_status status = lama_spectral_run(plan_, &arguments, workspace.get(), bytes, stream);
    return status == LAMA_SPECTRAL_OK ? worst_error(y, desc.dtype, expected_) : NAN;
  }

  const lama_spectral_desc desc;

 private:
  bool with_residual_;
  size_t twice_, count_;
  Tensor x_, residual_, weight_, bias_;
  std::vector<double> expected_;
  lama_spectral_plan *plan_ = nullptr;
};

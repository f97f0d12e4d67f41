// Both implementations, every kernel run on the CPU thread by thread, against the float64 reference.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "lama/spectral.h"

namespace {

int failures = 0;

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

size_t element_size(lama_spectral_dtype dtype) {
  return dtype == LAMA_SPECTRAL_FLOAT32 ? 4 : 2;
}

void put(const Buffer &buffer, lama_spectral_dtype dtype, size_t i, double value) {
  char *at = buffer.get() + i * element_size(dtype);
  if (dtype == LAMA_SPECTRAL_FLOAT32) *reinterpret_cast<float *>(at) = float(value);
  if (dtype == LAMA_SPECTRAL_FLOAT16) *reinterpret_cast<__half *>(at) = __float2half_rn(float(value));
  if (dtype == LAMA_SPECTRAL_BFLOAT16) *reinterpret_cast<__nv_bfloat16 *>(at) = __float2bfloat16_rn(float(value));
}

double get(const Buffer &buffer, lama_spectral_dtype dtype, size_t i) {
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

void report(const lama_spectral_desc &d, const char *what, double found, double allowed) {
  std::printf("failed: %s at %d x %d x %d x %d, dtype %d, layout %d, backend %d: %g, allowed %g (%s)\n", what, d.batch,
              d.channels, d.height, d.width, d.dtype, d.layout, d.backend, found, allowed, lama_spectral_last_error());
  ++failures;
}

// The worst error, of |y| at its place and eight times the map's root mean square: the ReLU's positive spectrum makes
// an impulse at the origin, beside which the rest of a large map would go unchecked.
double worst_error(const Buffer &y, lama_spectral_dtype dtype, const std::vector<double> &expected) {
  double squares = 0, worst = 0;
  for (const double value : expected) squares += value * value;
  const double typical = std::sqrt(squares / double(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(get(y, dtype, i) - expected[i]) / (std::abs(expected[i]) + 8 * typical);
    worst = error <= worst ? worst : error;  // NaN stays
  }
  return worst;
}

void compare(const lama_spectral_desc &d, bool with_residual, double allowed) {
  const size_t twice = 2 * size_t(d.channels), count = size_t(d.batch) * d.channels * d.height * d.width;
  const Tensor x(count, d.dtype, 1, 0.5, 1), residual(count, d.dtype, 1, 0, 2);
  const Tensor weight(twice * twice, d.dtype, 1 / std::sqrt(double(twice)), 0, 3), bias(twice, d.dtype, 0.5, 0, 4);
  std::vector<double> expected(count);
  lama_spectral_reference(&d, x.exact.data(), weight.exact.data(), bias.exact.data(),
                          with_residual ? residual.exact.data() : nullptr, expected.data());
  size_t bytes = 0;
  lama_spectral_plan *plan = nullptr;
  if (lama_spectral_workspace_size(&d, &bytes) != LAMA_SPECTRAL_OK ||
      lama_spectral_create(&d, &plan) != LAMA_SPECTRAL_OK || lama_spectral_prepare(plan) != LAMA_SPECTRAL_OK) {
    return report(d, "preparation", 0, 0);
  }
  const Buffer workspace(bytes), y(count * element_size(d.dtype));
  const lama_spectral_arguments arguments = {x.device.get(), weight.device.get(), bias.device.get(),
                                             with_residual ? residual.device.get() : nullptr, y.get()};
  if (lama_spectral_run(plan, &arguments, workspace.get(), bytes, nullptr) != LAMA_SPECTRAL_OK) report(d, "run", 0, 0);
  const double worst = worst_error(y, d.dtype, expected);
  if (!(worst <= allowed)) report(d, "values", worst, allowed);
  lama_spectral_destroy(plan);
}

}  // namespace

int main() {
  const struct {
    lama_spectral_dtype dtype;
    double allowed;
  } types[] = {{LAMA_SPECTRAL_FLOAT32, 2e-6}, {LAMA_SPECTRAL_FLOAT16, 1e-3}, {LAMA_SPECTRAL_BFLOAT16, 8e-3}};
  const int sizes[][2] = {{1, 1}, {1, 2}, {2, 1}, {3, 5}, {1, 33}, {31, 1}, {8, 8}, {7, 10}, {16, 31}, {37, 12}};
  for (const auto &type : types) {
    for (const auto layout : {LAMA_SPECTRAL_NCHW, LAMA_SPECTRAL_NHWC}) {
      for (const auto &size : sizes) {
        const lama_spectral_desc cufft = {2, 5, size[0], size[1], type.dtype, layout, LAMA_SPECTRAL_CUFFT};
        compare(cufft, size[0] % 2 == 0, type.allowed);
        if (type.dtype == LAMA_SPECTRAL_FLOAT32) continue;
        const lama_spectral_desc dense = {2, 24, size[0], size[1], type.dtype, layout, LAMA_SPECTRAL_TENSOR_CORE};
        compare(dense, size[1] % 2 == 0, type.allowed);
      }
    }
  }
  // More than one tile of everything: outputs, columns, mixed channels.
  compare({1, 72, 34, 101, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_TENSOR_CORE}, true, 1e-3);
  // Lines too long for 64 columns at once.
  compare({1, 40, 2, 600, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_TENSOR_CORE}, true, 1e-3);
  compare({1, 8, 1, LAMA_SPECTRAL_MAX_DENSE, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_TENSOR_CORE},
          true, 1e-3);
  compare({1, 8, 560, 2, LAMA_SPECTRAL_BFLOAT16, LAMA_SPECTRAL_NCHW, LAMA_SPECTRAL_TENSOR_CORE}, false, 8e-3);
  compare({1, 40, 3, 130, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NCHW, LAMA_SPECTRAL_CUFFT}, true, 1e-3);
  return failures != 0;
}

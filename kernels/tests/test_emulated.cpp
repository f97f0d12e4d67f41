// Both implementations, every kernel run on the CPU thread by thread, against the float64 reference.
#include <cstdio>

#include "unit_run.h"

namespace {

int failures = 0;

void compare(const lama_spectral_desc &d, bool with_residual, double allowed) {
  UnitRun unit(d, with_residual);
  const double worst = unit.prepare() == LAMA_SPECTRAL_OK ? unit.error(nullptr) : NAN;
  if (worst <= allowed) return;
  std::printf("failed: %d x %d x %d x %d, dtype %d, layout %d, backend %d: %g, allowed %g (%s)\n", d.batch, d.channels,
              d.height, d.width, d.dtype, d.layout, d.backend, worst, allowed, lama_spectral_last_error());
  ++failures;
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
  compare({1, 40, 2, 710, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_TENSOR_CORE}, true, 1e-3);
  compare({1, 8, 1, LAMA_SPECTRAL_MAX_DENSE, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_TENSOR_CORE},
          true, 1e-3);
  compare({1, 8, 720, 2, LAMA_SPECTRAL_BFLOAT16, LAMA_SPECTRAL_NCHW, LAMA_SPECTRAL_TENSOR_CORE}, false, 8e-3);
  compare({1, 40, 3, 130, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NCHW, LAMA_SPECTRAL_CUFFT}, true, 1e-3);
  return failures != 0;
}

// Where each implementation keeps what in its workspace.
#pragma once

#include <algorithm>

#include "description.h"

namespace lama {

// A spectrum in the tensors' own type, channels last.
inline size_t packed_bytes(const Description &desc) {
  return aligned(spectrum_points(desc) * 2 * desc.channels * element_size(desc));
}

// Two spectra that the passes take turns to write.
struct TensorCoreLayout {
  explicit TensorCoreLayout(const Description &desc) : second(packed_bytes(desc)), end(2 * packed_bytes(desc)) {}

  static constexpr size_t first = 0;
  size_t second, end;
};

// Planes in float32, the spectrum packed, and what cuFFT and cuBLASLt want for themselves. The mixed spectrum takes the
// pixels' place, which are planes again only after it.
struct CufftLayout {
  static constexpr size_t kGemmBytes = size_t(4) << 20;
  static constexpr size_t kMostFftBytes = size_t(256) << 20;
  static constexpr size_t kPlanesOfFft = 32;  // at least so many times one plane: primes take several

  explicit CufftLayout(const Description &desc) {
    const size_t complex = spectrum_points(desc) * desc.channels * 2 * sizeof(float);
    const size_t plane = size_t(desc.height) * half_width(desc) * 2 * sizeof(float);
    complexes = std::max(aligned(pixels(desc) * desc.channels * sizeof(float)), packed_bytes(desc));
    packed = complexes + aligned(complex);
    bias = packed + packed_bytes(desc);
    mean_bias = bias + aligned(2 * desc.channels * element_size(desc));
    gemm = mean_bias + aligned(2 * desc.channels * element_size(desc));
    fft = gemm + kGemmBytes;
    end = fft + aligned(std::min(complex, kMostFftBytes) + kPlanesOfFft * plane);
  }

  static constexpr size_t reals = 0, mixed = 0;
  size_t complexes, packed, bias, mean_bias, gemm, fft, end;
};

}  // namespace lama

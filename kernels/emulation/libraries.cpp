// PlanarFft and BiasReluGemm by plain sums, in the place of cuFFT and cuBLASLt.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <complex>
#include <cstring>
#include <vector>

#include "../src/fft.h"
#include "../src/gemm.h"
#include "emulated_runtime.h"

namespace lama {
namespace {

using Complex = std::complex<double>;

Complex root(int length, int64_t step, int sign) {
  return std::polar(1.0, sign * 2 * std::acos(-1.0) * double(step % length) / length);
}

class PlainFft final : public PlanarFft {
 public:
  PlainFft(int planes, int height, int width) : planes_(planes), height_(height), width_(width), half_(width / 2 + 1) {}

  Status forward(float *in, float2 *out, void *, cudaStream_t) const override {
    for (int plane = 0; plane < planes_; ++plane, in += height_ * width_, out += height_ * half_) {
      std::vector<Complex> rows(size_t(height_) * half_);
      for (int row = 0; row < height_; ++row) {
        for (int k = 0; k < half_; ++k) {
          for (int x = 0; x < width_; ++x) {
            rows[row * half_ + k] += double(in[row * width_ + x]) * root(width_, int64_t(k) * x, -1);
          }
        }
      }
      const std::vector<Complex> found = along_height(rows, -1);
      for (size_t i = 0; i < found.size(); ++i) out[i] = {float(found[i].real()), float(found[i].imag())};
    }
    return LAMA_SPECTRAL_OK;
  }

  // As cuFFT may: of columns 0 and w/2 only the first half of the rows is read. Leaves NaN in `in`.
  Status inverse(float2 *in, float *out, void *, cudaStream_t) const override {
    for (int plane = 0; plane < planes_; ++plane, in += height_ * half_, out += height_ * width_) {
      std::vector<Complex> spectrum(size_t(height_) * half_);
      for (int row = 0; row < height_; ++row) {
        for (int k = 0; k < half_; ++k) {
          const bool edge = k == 0 || 2 * k == width_, mirrored = edge && 2 * row > height_;
          const float2 value = in[(mirrored ? height_ - row : row) * half_ + k];
          spectrum[row * half_ + k] = {value.x, mirrored ? -value.y : value.y};
        }
      }
      inverse_plane(along_height(spectrum, 1), out);
      std::memset(static_cast<void *>(in), 0xff, sizeof(float2) * height_ * half_);
    }
    return LAMA_SPECTRAL_OK;
  }

 private:
  std::vector<Complex> along_height(const std::vector<Complex> &values, int sign) const {
    std::vector<Complex> found(values.size());
    for (int out = 0; out < height_; ++out) {
      for (int row = 0; row < height_; ++row) {
        const Complex factor = root(height_, int64_t(out) * row, sign);
        for (int k = 0; k < half_; ++k) found[out * half_ + k] += factor * values[row * half_ + k];
      }
    }
    return found;
  }

  void inverse_plane(const std::vector<Complex> &rows, float *out) const {
    for (int row = 0; row < height_; ++row) {
      for (int x = 0; x < width_; ++x) {
        double sum = 0;
        for (int k = 0; k < half_; ++k) {
          const int count = k == 0 || 2 * k == width_ ? 1 : 2;
          sum += count * (rows[row * half_ + k] * root(width_, int64_t(k) * x, 1)).real();
        }
        out[row * width_ + x] = float(sum);
      }
    }
  }

  int planes_, height_, width_, half_;
};

class PlainGemm final : public BiasReluGemm {
 public:
  explicit PlainGemm(const GemmShape &shape) : shape_(shape) {}

  Status run(const GemmArguments &arguments, cudaStream_t) const override {
    const int channels = shape_.channels;
    for (size_t row = 0; row < shape_.rows; ++row) {
      const size_t first = row * size_t(shape_.pitch);
      for (int out = 0; out < channels; ++out) {
        float sum = 0;
        for (int in = 0; in < channels; ++in) {
          sum += read(arguments.in, first + in) * read(arguments.weight, size_t(out) * channels + in);
        }
        sum += read(arguments.bias, out);
        write(arguments.out, first + out, sum < 0 ? 0 : sum);
      }
    }
    return LAMA_SPECTRAL_OK;
  }

 private:
  float read(const void *values, size_t at) const {
    if (shape_.dtype == LAMA_SPECTRAL_FLOAT32) return static_cast<const float *>(values)[at];
    if (shape_.dtype == LAMA_SPECTRAL_FLOAT16) return __half2float(static_cast<const __half *>(values)[at]);
    return __bfloat162float(static_cast<const __nv_bfloat16 *>(values)[at]);
  }
  void write(void *values, size_t at, float value) const {
    if (shape_.dtype == LAMA_SPECTRAL_FLOAT32) {
      static_cast<float *>(values)[at] = value;
    } else if (shape_.dtype == LAMA_SPECTRAL_FLOAT16) {
      static_cast<__half *>(values)[at] = __float2half_rn(value);
    } else {
      static_cast<__nv_bfloat16 *>(values)[at] = __float2bfloat16_rn(value);
    }
  }

  GemmShape shape_;
};

}  // namespace

Status make_planar_fft(int planes, int height, int width, size_t, std::unique_ptr<PlanarFft> *fft) {
  if (emulation::is_missing("cufft")) return fail(LAMA_SPECTRAL_LIBRARY_MISSING, "libcufft.so.12 is not found");
  *fft = std::make_unique<PlainFft>(planes, height, width);
  return LAMA_SPECTRAL_OK;
}

Status make_gemm(const GemmShape &shape, size_t, std::unique_ptr<BiasReluGemm> *gemm) {
  if (emulation::is_missing("cublasLt")) return fail(LAMA_SPECTRAL_LIBRARY_MISSING, "libcublasLt.so.13 is not found");
  *gemm = std::make_unique<PlainGemm>(shape);
  return LAMA_SPECTRAL_OK;
}

}  // namespace lama

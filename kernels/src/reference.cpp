// The definition in float64, by plain sums along one axis at a time; nothing in it is fast but everything is plain.
#include <cmath>
#include <complex>
#include <vector>

#include "description.h"

namespace lama {
namespace {

using Complex = std::complex<double>;

// e^(sign * 2 pi i j / length) for j in [0, length).
std::vector<Complex> roots(int length, int sign) {
  const double pi = std::acos(-1.0);
  std::vector<Complex> found(length);
  for (int j = 0; j < length; ++j) found[j] = std::polar(1.0, sign * 2 * pi * j / length);
  return found;
}

class Reference {
 public:
  explicit Reference(const Description &desc)
      : desc_(desc),
        half_(half_width(desc)),
        scale_(1 / std::sqrt(double(desc.height) * desc.width)),
        along_h_(roots(desc.height, -1)),
        along_w_(roots(desc.width, -1)) {}

  void run(const double *x, const double *weight, const double *bias, const double *residual, double *y) const {
    const size_t plane = size_t(desc_.height) * half_;
    for (int n = 0; n < desc_.batch; ++n) {
      std::vector<std::vector<Complex>> spectrum, mixed(desc_.channels, std::vector<Complex>(plane));
      for (int c = 0; c < desc_.channels; ++c) spectrum.push_back(forward(x, n, c));
      for (size_t point = 0; point < plane; ++point) mix(spectrum, weight, bias, point, mixed);
      for (int c = 0; c < desc_.channels; ++c) inverse(mixed[c], n, c, residual, y);
    }
  }

 private:
  size_t index(int n, int c, int row, int column) const {
    if (desc_.layout == LAMA_SPECTRAL_NHWC) {
      return ((size_t(n) * desc_.height + row) * desc_.width + column) * desc_.channels + c;
    }
    return ((size_t(n) * desc_.channels + c) * desc_.height + row) * desc_.width + column;
  }

  // One plane's orthonormal half spectrum, height x half width.
  std::vector<Complex> forward(const double *x, int n, int c) const {
    const int h = desc_.height, w = desc_.width;
    std::vector<Complex> rows(size_t(h) * half_);
    for (int row = 0; row < h; ++row) {
      for (int k = 0; k < half_; ++k) {
        for (int column = 0; column < w; ++column) {
          rows[size_t(row) * half_ + k] += x[index(n, c, row, column)] * along_w_[size_t(k) * column % w];
        }
      }
    }
    std::vector<Complex> found = along_height(rows, false);
    for (Complex &value : found) value *= scale_;
    return found;
  }

  std::vector<Complex> along_height(const std::vector<Complex> &values, bool inverse) const {
    const int h = desc_.height;
    std::vector<Complex> found(values.size());
    for (int out = 0; out < h; ++out) {
      for (int row = 0; row < h; ++row) {
        const Complex root = along_h_[size_t(out) * row % h];
        const Complex factor = inverse ? std::conj(root) : root;
        for (int k = 0; k < half_; ++k) found[size_t(out) * half_ + k] += values[size_t(row) * half_ + k] * factor;
      }
    }
    return found;
  }

  void mix(const std::vector<std::vector<Complex>> &spectrum, const double *weight, const double *bias, size_t point,
           std::vector<std::vector<Complex>> &mixed) const {
    const int twice = 2 * desc_.channels;
    for (int out = 0; out < twice; ++out) {
      double sum = bias[out];
      for (int c = 0; c < desc_.channels; ++c) {
        const double *pair = weight + size_t(out) * twice + 2 * c;
        sum += pair[0] * spectrum[c][point].real() + pair[1] * spectrum[c][point].imag();
      }
      const double positive = sum < 0 ? 0 : sum;  // NaN passes, as in every framework's ReLU
      Complex &value = mixed[out / 2][point];
      value = out % 2 == 0 ? Complex(positive, 0) : Complex(value.real(), positive);
    }
  }

  // Complex along the height, then the real part of the waves along the width: each but 0 and w/2 stands for two.
  void inverse(const std::vector<Complex> &spectrum, int n, int c, const double *residual, double *y) const {
    const int w = desc_.width;
    const std::vector<Complex> rows = along_height(spectrum, true);
    for (int row = 0; row < desc_.height; ++row) {
      for (int column = 0; column < w; ++column) {
        double sum = 0;
        for (int k = 0; k < half_; ++k) {
          const Complex wave = rows[size_t(row) * half_ + k] * std::conj(along_w_[size_t(k) * column % w]);
          sum += (2 * k % w == 0 ? 1 : 2) * wave.real();
        }
        const size_t at = index(n, c, row, column);
        y[at] = sum * scale_ + (residual == nullptr ? 0 : residual[at]);
      }
    }
  }

  const Description &desc_;
  const int half_;
  const double scale_;
  const std::vector<Complex> along_h_, along_w_;
};

}  // namespace
}  // namespace lama

extern "C" lama_spectral_status lama_spectral_reference(const lama_spectral_desc *desc, const double *x,
                                                        const double *weight, const double *bias,
                                                        const double *residual, double *y) {
  LAMA_RETURN_IF_FAILED(lama::check(desc));
  if (x == nullptr || weight == nullptr || bias == nullptr || y == nullptr) {
    return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "x, weight, bias and y must not be NULL");
  }
  lama::Reference(*desc).run(x, weight, bias, residual, y);
  return LAMA_SPECTRAL_OK;
}

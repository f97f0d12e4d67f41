// How much larger than their 1 / (h w) normalisation float16 spectra are kept.
//
// Divided by h w, no spectrum is larger than the largest |x|, so nothing overflows, the image's mean least of all,
// which the orthonormal transform makes sqrt(h w) times as large. But what is no mean is sqrt(h w) times smaller than x
// then, and float16 loses digits below 6e-5. So the mean (point 0 of an image's spectrum) stays as it is, and all other
// points are this many times larger: the power of two next to sqrt(h w), with which they are as large as x, but no more
// than kMostGain. With that no x up to 4094 overflows, whatever it is, and folded weights keep x to 4096
// (lama_deploy/precision/choose_scales.py). bfloat16 and float32 have the range of both.
#pragma once

#include <algorithm>
#include <cmath>

#include "description.h"

namespace lama {

inline constexpr float kMostGain = 16;

inline float spectrum_gain(const Description &desc) {
  if (desc.dtype != LAMA_SPECTRAL_FLOAT16) return 1;
  const double side = std::sqrt(double(desc.height) * desc.width);
  return std::min(kMostGain, float(std::exp2(std::round(std::log2(side)))));
}

// Of the bias, to match the mean's normalisation; of the other points it is spectrum_gain times as large. The unit is
// orthonormal, and scales may pass its ReLU, which is positively homogeneous.
inline float mean_bias_scale(const Description &desc) {
  return float(1 / std::sqrt(double(desc.height) * desc.width));
}

}  // namespace lama

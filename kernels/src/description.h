// What a plan computes: checked descriptions and the sizes that follow from them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "status.h"

namespace lama {

using Description = lama_spectral_desc;

// INVALID_ARGUMENT for dimensions below 1, 2^31 elements and more, and numbers that name no dtype, layout or backend.
Status check(const Description *desc);

inline int half_width(const Description &desc) {
  return desc.width / 2 + 1;
}

// Bytes of one value of x, y, weight and bias.
inline size_t element_size(const Description &desc) {
  return desc.dtype == LAMA_SPECTRAL_FLOAT32 ? 4 : 2;
}

inline size_t pixels(const Description &desc) {
  return size_t(desc.batch) * desc.height * desc.width;
}

// Points of the half spectrum, of all images, of one channel.
inline size_t spectrum_points(const Description &desc) {
  return size_t(desc.batch) * desc.height * half_width(desc);
}

// UNSUPPORTED, with the reason, where the tensor-core implementation cannot take `desc` on any device.
Status check_tensor_core(const Description &desc);

// Oldest device that it runs on: mma.m16n8k16 and bfloat16.
inline constexpr int kTensorCoreCapability = 80;

inline size_t aligned(size_t bytes) {
  return (bytes + LAMA_SPECTRAL_ALIGNMENT - 1) / LAMA_SPECTRAL_ALIGNMENT * LAMA_SPECTRAL_ALIGNMENT;
}

}  // namespace lama

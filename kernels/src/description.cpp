#include "description.h"

namespace lama {

Status check(const Description *desc) {
  if (desc == nullptr) return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "desc is NULL; it must describe the unit");
  const struct {
    const char *name;
    int32_t value;
  } sizes[] = {{"batch", desc->batch}, {"channels", desc->channels}, {"height", desc->height}, {"width", desc->width}};
  uint64_t elements = 1;
  for (const auto &size : sizes) {
    if (size.value < 1) {
      return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "%s is %d; it must be at least 1", size.name, size.value);
    }
    elements *= uint64_t(size.value);
    if (elements >= uint64_t(1) << 31) {
      return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "%d x %d x %d x %d has 2^31 elements or more; split the batch",
                  desc->batch, desc->channels, desc->height, desc->width);
    }
  }
  const int dtype = desc->dtype, layout = desc->layout, backend = desc->backend;
  if (dtype < LAMA_SPECTRAL_FLOAT32 || dtype > LAMA_SPECTRAL_BFLOAT16) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "dtype %d is unknown; allowed: 0 float32, 1 float16, 2 bfloat16",
                dtype);
  }
  if (layout < LAMA_SPECTRAL_NCHW || layout > LAMA_SPECTRAL_NHWC) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "layout %d is unknown; allowed: 0 NCHW, 1 NHWC", layout);
  }
  if (backend < LAMA_SPECTRAL_AUTO || backend > LAMA_SPECTRAL_TENSOR_CORE) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "backend %d is unknown; allowed: 0 auto, 1 cuFFT, 2 tensor core",
                backend);
  }
  return LAMA_SPECTRAL_OK;
}

Status check_tensor_core(const Description &desc) {
  if (desc.dtype == LAMA_SPECTRAL_FLOAT32) {
    return fail(LAMA_SPECTRAL_UNSUPPORTED, "tensor cores compute float16 and bfloat16; float32 needs cuFFT");
  }
  if (desc.channels % 8 != 0) {
    return fail(LAMA_SPECTRAL_UNSUPPORTED, "%d channels are no multiple of 8, which tensor cores need; use cuFFT",
                desc.channels);
  }
  if (desc.height > LAMA_SPECTRAL_MAX_DENSE || desc.width > LAMA_SPECTRAL_MAX_DENSE) {
    return fail(LAMA_SPECTRAL_UNSUPPORTED, "a latent of %d x %d; tensor cores take up to %d points a side; use cuFFT",
                desc.height, desc.width, LAMA_SPECTRAL_MAX_DENSE);
  }
  return LAMA_SPECTRAL_OK;
}

}  // namespace lama

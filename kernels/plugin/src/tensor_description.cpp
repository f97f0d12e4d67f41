#include "tensor_description.h"

#include <limits>

namespace {

using nvinfer1::DataType;
using nvinfer1::TensorFormat;

bool dtype_of(DataType type, lama_spectral_dtype *dtype) {
  switch (type) {
    case DataType::kFLOAT:
      *dtype = LAMA_SPECTRAL_FLOAT32;
      return true;
    case DataType::kHALF:
      *dtype = LAMA_SPECTRAL_FLOAT16;
      return true;
    case DataType::kBF16:
      *dtype = LAMA_SPECTRAL_BFLOAT16;
      return true;
    default:
      return false;
  }
}

// kHWC8 pads channels to a multiple of 8: with such a number of them it is NHWC.
bool layout_of(TensorFormat format, int64_t channels, DataType type, lama_spectral_layout *layout) {
  *layout = format == TensorFormat::kLINEAR ? LAMA_SPECTRAL_NCHW : LAMA_SPECTRAL_NHWC;
  if (format == TensorFormat::kHWC8) return type != DataType::kFLOAT && channels > 0 && channels % 8 == 0;
  return format == TensorFormat::kLINEAR || format == TensorFormat::kHWC;
}

}  // namespace

bool lama::takes(const nvinfer1::PluginTensorDesc &x, bool for_rtx) {
  lama_spectral_dtype dtype;
  lama_spectral_layout layout;
  if (for_rtx && x.format != (x.type == DataType::kBF16 ? TensorFormat::kLINEAR : TensorFormat::kHWC)) return false;
  return x.dims.nbDims == 4 && dtype_of(x.type, &dtype) && layout_of(x.format, x.dims.d[1], x.type, &layout);
}

lama::Status lama::describe(const nvinfer1::PluginTensorDesc &x, const nvinfer1::Dims &dims,
                            lama_spectral_backend backend, lama_spectral_desc *desc) {
  if (dims.nbDims != 4) return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "x has %d dimensions, not 4", dims.nbDims);
  for (int axis = 0; axis < 4; ++axis) {
    if (dims.d[axis] >= 1 && dims.d[axis] <= std::numeric_limits<int32_t>::max()) continue;
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "dimension %d of x is %lld", axis,
                static_cast<long long>(dims.d[axis]));
  }
  if (!dtype_of(x.type, &desc->dtype) || !layout_of(x.format, dims.d[1], x.type, &desc->layout)) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "x has type %d and format %d, which were not offered", int(x.type),
                int(x.format));
  }
  desc->batch = int32_t(dims.d[0]);
  desc->channels = int32_t(dims.d[1]);
  desc->height = int32_t(dims.d[2]);
  desc->width = int32_t(dims.d[3]);
  desc->backend = backend;
  return LAMA_SPECTRAL_OK;
}

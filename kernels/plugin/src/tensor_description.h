// TensorRT's words for a tensor in those of liblama_spectral.
#pragma once

#include "status.h"
#include "tensorrt_interface.h"

namespace lama {

// Whether the unit takes x in this type and format, which y then has too.
//
// for_rtx: TensorRT-RTX does not time formats but takes the first that it may have, and its convolutions are channels
// last: with LINEAR among the choices, two transposes surround every unit. For bfloat16 it has no HWC, and LINEAR makes
// fewer layers than HWC8. TensorRT compares, so it may have all.
bool takes(const nvinfer1::PluginTensorDesc &x, bool for_rtx);

// dims: of x in a run, or of one end of its profile. An error where liblama_spectral would not take it.
Status describe(const nvinfer1::PluginTensorDesc &x, const nvinfer1::Dims &dims, lama_spectral_backend backend,
                lama_spectral_desc *desc);

}  // namespace lama

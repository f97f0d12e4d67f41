// TensorRT's headers and our own declarations side by side: nvinfer1 and lama_nvinfer1.
#pragma once

#include <NvInferRuntime.h>
#define nvinfer1 lama_nvinfer1
#include "tensorrt_plugin_abi.h"
#undef nvinfer1

namespace theirs = nvinfer1;
namespace ours = lama_nvinfer1;

// TensorRT's plugin interface: the user's headers where CMake found them, else our own declarations of the same.
#pragma once

#ifdef LAMA_TENSORRT_HEADERS
#include <NvInferRuntime.h>
#else
#include "tensorrt_plugin_abi.h"
#endif

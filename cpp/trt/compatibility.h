// Which versions of TensorRT, and which GPUs, run an engine, before TensorRT is asked. As compatibility.py of Python.
#pragma once

#include <string>

#include "cuda_driver.h"
#include "engines/trt_api.h"
#include "log.h"

namespace lama {

// found: the library's. Throws LAMA_ENGINE_ERROR unless it runs what options.version built.
void require_version(const std::string &found, const lama_trt_options &options);

// While the device is current. Throws LAMA_ENGINE_ERROR for one of another compute capability; tells of one that the
// engine was not timed on.
void require_gpu(const cuda::Device &device, const lama_trt_options &options, const Log &log);

}  // namespace lama

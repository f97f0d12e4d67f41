// TensorRT and TensorRT-RTX, by a library of their own (liblama_trt).
#pragma once

#include <memory>

#include "backend.h"
#include "bundle/bundle.h"
#include "options.h"

namespace lama {

std::unique_ptr<Backend> open_tensorrt(const Bundle &bundle, const EngineOptions &options);

}  // namespace lama

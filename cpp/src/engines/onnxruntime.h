// ONNX Runtime on a CPU: lama_deploy/runtime/backends/onnxruntime.py.
#pragma once

#include <memory>

#include "backend.h"
#include "bundle/bundle.h"
#include "options.h"

namespace lama {

// As `open_backend`, of a bundle whose target is "onnx".
std::unique_ptr<Backend> open_onnxruntime(const Bundle &bundle, const EngineOptions &options);

}  // namespace lama

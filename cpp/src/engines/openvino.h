// OpenVINO on a CPU: lama_deploy/runtime/backends/openvino.py.
#pragma once

#include <memory>

#include "backend.h"
#include "bundle/bundle.h"
#include "options.h"

namespace lama {

// As `open_backend`, of a bundle whose target is "openvino".
std::unique_ptr<Backend> open_openvino(const Bundle &bundle, const EngineOptions &options);

}  // namespace lama

// What a run takes, by what the bundle recorded or else by what was measured: lama_deploy/runtime/memory.py.
#pragma once

#include <optional>
#include <string>

#include "backend.h"
#include "bundle/bundle.h"

namespace lama {

// backend: "onnxruntime" or "openvino". precision: as it computes; "" counts as fp32. nullopt where nobody has measured
// it.
std::optional<Memory> estimated_memory(const std::string &backend, const Bundle &bundle, const std::string &precision);

}  // namespace lama

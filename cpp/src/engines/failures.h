// Whatever an engine says of a run that failed, as an error of ours: lama_deploy/runtime/failures.py.
#pragma once

#include <string>

#include "errors.h"
#include "shapes.h"

namespace lama {

// LAMA_OUT_OF_MEMORY or LAMA_ENGINE_ERROR, with what it said of pictures of this shape. engine: such as "OpenVINO".
Error engine_failure(const std::string &engine, const Shape &shape, const std::string &said);

}  // namespace lama

// The engine that a bundle's target names, opened at run time.
#pragma once

#include <memory>

#include "backend.h"
#include "bundle/bundle.h"
#include "options.h"

namespace lama {

// Throws Error: LAMA_MISSING_LIBRARY where the engine's library is not found or not whole, LAMA_BAD_BUNDLE for a model
// that it cannot open or that is none of lama-export, LAMA_INVALID_ARGUMENT for an option that the engine has not.
std::unique_ptr<Backend> open_backend(const Bundle &bundle, const EngineOptions &options);

}  // namespace lama

// The library whose SpectralConv an engine's Fourier units need.
#pragma once

#include <string>

#include "log.h"
#include "trt_library.h"

namespace lama {

// Registers it, unless the process has one. place: the library, or a folder that has it; "" for beside liblama_trt.
// Throws LAMA_MISSING_LIBRARY for none, LAMA_ENGINE_ERROR for one that TensorRT refuses, and for a second one.
void load_plugin(const TrtLibrary &library, const std::string &place, const Log &log);

}  // namespace lama

// The library whose SpectralConv an engine's Fourier units need.
#pragma once

#include "engines/trt_api.h"
#include "log.h"
#include "trt_library.h"

namespace lama {

// Registers the library of `options`, unless the process has one. Throws LAMA_MISSING_LIBRARY for none,
// LAMA_ENGINE_ERROR for one that TensorRT refuses, and for a second one that somebody named; any other second one is
// not loaded, and the first serves.
void load_plugin(const TrtLibrary &library, const lama_trt_options &options, const Log &log);

}  // namespace lama

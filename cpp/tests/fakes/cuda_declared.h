// The fake driver's functions, for tests that call it themselves.
#pragma once

#include "cuda_functions.h"

namespace lama::cuda {
#define FAKE_TYPE(field, symbol, ...) using symbol##_type = __VA_ARGS__;
LAMA_CUDA_FUNCTIONS(FAKE_TYPE)
#undef FAKE_TYPE
}  // namespace lama::cuda

#define FAKE_DECLARED(field, symbol, ...) extern "C" lama::cuda::symbol##_type symbol;
LAMA_CUDA_FUNCTIONS(FAKE_DECLARED)
#undef FAKE_DECLARED

// Our declarations are those of real headers of Triton: compiled where CMake finds them, never run. Functions that are
// declared twice in another way do not compile.
#include <triton/core/tritonbackend.h>

#include "triton_abi.h"

namespace {

#define LAMA_CHECK(name, value, type) \
  static_assert(uint32_t(::name) == value && sizeof(type) == sizeof(uint32_t), #name);
LAMA_TRITON_VALUES(LAMA_CHECK)
#undef LAMA_CHECK

static_assert(TRITONBACKEND_API_VERSION_MAJOR == LAMA_TRITON_MAJOR);
static_assert(TRITONBACKEND_API_VERSION_MINOR >= LAMA_TRITON_MINOR);

}  // namespace

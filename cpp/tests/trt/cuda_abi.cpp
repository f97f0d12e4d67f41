// Our declarations of CUDA's driver, against cuda.h: as many arguments, of the same sizes and kinds.
#include <cuda.h>

#include <type_traits>

#include "cuda_functions.h"

namespace {

template <typename Type>
constexpr bool kWhole = std::is_integral_v<Type> || std::is_enum_v<Type>;

template <typename One, typename Other>
constexpr bool kAlike =
    sizeof(One) == sizeof(Other) && kWhole<One> == kWhole<Other> && std::is_pointer_v<One> == std::is_pointer_v<Other>;

template <typename One, typename Other>
struct Same : std::false_type {};
template <typename One, typename... Ones, typename Other, typename... Others>
struct Same<One(Ones...), Other(Others...)> {
  static constexpr bool value() {
    if constexpr (sizeof...(Ones) != sizeof...(Others))
      return false;
    else
      return kAlike<One, Other> && (kAlike<Ones, Others> && ...);
  }
};

}  // namespace

namespace lama::cuda {

#define HELD(field, symbol, ...) static_assert(Same<__VA_ARGS__, decltype(::symbol)>::value(), #symbol);
LAMA_CUDA_FUNCTIONS(HELD)

static_assert(kOk == CUDA_SUCCESS && kOutOfMemory == CUDA_ERROR_OUT_OF_MEMORY);
static_assert(kNonBlocking == CU_STREAM_NON_BLOCKING && kWithoutTiming == CU_EVENT_DISABLE_TIMING);
static_assert(kThreadLocal == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && kDeviceMemory == CU_MEMORYTYPE_DEVICE);
static_assert(kMemoryType == CU_POINTER_ATTRIBUTE_MEMORY_TYPE && kDeviceOrdinal == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL);
static_assert(kCapabilityMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR &&
              kCapabilityMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(kLegacyStream == 1);  // CU_STREAM_LEGACY is a cast, which no constant expression has

}  // namespace lama::cuda

int main() {
  return reinterpret_cast<uintptr_t>(CU_STREAM_LEGACY) == lama::cuda::kLegacyStream ? 0 : 1;
}

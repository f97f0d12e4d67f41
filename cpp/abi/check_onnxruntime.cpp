// Our declarations are those of a real header of ONNX Runtime: compiled where CMake finds one, never run.
#include <onnxruntime_c_api.h>

#include <cstddef>

#include "onnxruntime_abi.h"
#include "plain_types.h"

namespace {

using namespace lama;

static_assert(ORT_API_VERSION >= ort::API_VERSION);
static_assert(sizeof(::OrtApi) >= sizeof(ort::Table));

#define LAMA_CHECK(number, name, ...)                                            \
  static_assert(offsetof(::OrtApi, name) == number * sizeof(void (*)()), #name); \
  static_assert(abi::same<ort::name##_t, decltype(::OrtApi::name)>, #name);
LAMA_ORT_SLOTS(LAMA_CHECK)
#undef LAMA_CHECK

static_assert(offsetof(::OrtApiBase, GetApi) == offsetof(ort::ApiBase, GetApi));
static_assert(offsetof(::OrtApiBase, GetVersionString) == offsetof(ort::ApiBase, GetVersionString));
static_assert(abi::same<decltype(ort::ApiBase::GetApi), decltype(::OrtApiBase::GetApi)>);
static_assert(abi::same<ort::GetApiBase *, decltype(&::OrtGetApiBase)>);
static_assert(abi::same<ort::Log, ::OrtLoggingFunction>);

static_assert(int(ort::LOG_ERROR) == ORT_LOGGING_LEVEL_ERROR && int(ort::LOG_FATAL) == ORT_LOGGING_LEVEL_FATAL);
static_assert(int(ort::ENABLE_ALL) == ::ORT_ENABLE_ALL);
static_assert(int(ort::FLOAT) == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
static_assert(int(ort::UINT8) == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8);
static_assert(int(ort::DEVICE_ALLOCATOR) == ::OrtDeviceAllocator && int(ort::DEFAULT_MEMORY) == ::OrtMemTypeDefault);

}  // namespace

// What liblama uses of ONNX Runtime's C interface, declared anew: liblama is built without ONNX Runtime's headers.
//
// Its table of functions only ever grows at its end, so a version that offers API 8 (1.8 and newer) has these where
// they are here. abi/check_onnxruntime.cpp compares them with a real header.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lama::ort {

constexpr uint32_t API_VERSION = 8;
constexpr const char *OLDEST = "1.20";  // that is supported

struct Status;
struct Env;
struct MemoryInfo;
struct Session;
struct Value;
struct RunOptions;
struct TypeInfo;
struct TensorInfo;  // OrtTensorTypeAndShapeInfo
struct SessionOptions;
struct ModelMetadata;
struct Allocator;

enum LoggingLevel { LOG_ERROR = 3, LOG_FATAL = 4 };
enum Optimization { ENABLE_ALL = 99 };
enum ElementType { FLOAT = 1, UINT8 = 2 };
enum ValueType { TENSOR = 1 };
enum AllocatorType { DEVICE_ALLOCATOR = 0 };
enum MemoryType { DEFAULT_MEMORY = 0 };

using Log = void (*)(void *user, LoggingLevel level, const char *category, const char *id, const char *place,
                     const char *message);

// SLOT(number in the table, name there, function). A function that returns a Status gives nullptr where it succeeded.
#define LAMA_ORT_SLOTS(SLOT)                                                                            \
  SLOT(2, GetErrorMessage, const char *(*)(const Status *))                                             \
  SLOT(4, CreateEnvWithCustomLogger, Status *(*)(Log, void *, LoggingLevel, const char *, Env **))      \
  SLOT(7, CreateSession, Status *(*)(const Env *, const char *, const SessionOptions *, Session **))    \
  SLOT(9, Run,                                                                                          \
       Status *(*)(Session *, const RunOptions *, const char *const *, const Value *const *, size_t,    \
                   const char *const *, size_t, Value **))                                              \
  SLOT(10, CreateSessionOptions, Status *(*)(SessionOptions **))                                        \
  SLOT(17, DisableMemPattern, Status *(*)(SessionOptions *))                                            \
  SLOT(22, SetSessionLogSeverityLevel, Status *(*)(SessionOptions *, int))                              \
  SLOT(23, SetSessionGraphOptimizationLevel, Status *(*)(SessionOptions *, Optimization))               \
  SLOT(24, SetIntraOpNumThreads, Status *(*)(SessionOptions *, int))                                    \
  SLOT(30, SessionGetInputCount, Status *(*)(const Session *, size_t *))                                \
  SLOT(31, SessionGetOutputCount, Status *(*)(const Session *, size_t *))                               \
  SLOT(33, SessionGetInputTypeInfo, Status *(*)(const Session *, size_t, TypeInfo **))                  \
  SLOT(34, SessionGetOutputTypeInfo, Status *(*)(const Session *, size_t, TypeInfo **))                 \
  SLOT(36, SessionGetInputName, Status *(*)(const Session *, size_t, Allocator *, char **))             \
  SLOT(37, SessionGetOutputName, Status *(*)(const Session *, size_t, Allocator *, char **))            \
  SLOT(39, CreateRunOptions, Status *(*)(RunOptions **))                                                \
  SLOT(49, CreateTensorWithDataAsOrtValue,                                                              \
       Status *(*)(const MemoryInfo *, void *, size_t, const int64_t *, size_t, ElementType, Value **)) \
  SLOT(51, GetTensorMutableData, Status *(*)(Value *, void **))                                         \
  SLOT(55, CastTypeInfoToTensorInfo, Status *(*)(const TypeInfo *, const TensorInfo **))                \
  SLOT(60, GetTensorElementType, Status *(*)(const TensorInfo *, ElementType *))                        \
  SLOT(61, GetDimensionsCount, Status *(*)(const TensorInfo *, size_t *))                               \
  SLOT(62, GetDimensions, Status *(*)(const TensorInfo *, int64_t *, size_t))                           \
  SLOT(65, GetTensorTypeAndShape, Status *(*)(const Value *, TensorInfo **))                            \
  SLOT(69, CreateCpuMemoryInfo, Status *(*)(AllocatorType, MemoryType, MemoryInfo **))                  \
  SLOT(76, AllocatorFree, Status *(*)(Allocator *, void *))                                             \
  SLOT(78, GetAllocatorWithDefaultOptions, Status *(*)(Allocator **))                                   \
  SLOT(92, ReleaseEnv, void (*)(Env *))                                                                 \
  SLOT(93, ReleaseStatus, void (*)(Status *))                                                           \
  SLOT(94, ReleaseMemoryInfo, void (*)(MemoryInfo *))                                                   \
  SLOT(95, ReleaseSession, void (*)(Session *))                                                         \
  SLOT(96, ReleaseValue, void (*)(Value *))                                                             \
  SLOT(97, ReleaseRunOptions, void (*)(RunOptions *))                                                   \
  SLOT(98, ReleaseTypeInfo, void (*)(TypeInfo *))                                                       \
  SLOT(99, ReleaseTensorTypeAndShapeInfo, void (*)(TensorInfo *))                                       \
  SLOT(100, ReleaseSessionOptions, void (*)(SessionOptions *))                                          \
  SLOT(111, SessionGetModelMetadata, Status *(*)(const Session *, ModelMetadata **))                    \
  SLOT(116, ModelMetadataLookupCustomMetadataMap,                                                       \
       Status *(*)(const ModelMetadata *, Allocator *, const char *, char **))                          \
  SLOT(118, ReleaseModelMetadata, void (*)(ModelMetadata *))                                            \
  SLOT(165, AddRunConfigEntry, Status *(*)(RunOptions *, const char *, const char *))

// The type of each, such as ort::Run_t.
#define LAMA_ORT_TYPE(number, name, ...) using name##_t = __VA_ARGS__;
LAMA_ORT_SLOTS(LAMA_ORT_TYPE)
#undef LAMA_ORT_TYPE

constexpr size_t SLOTS = 169;  // that API 8 has

// The table: a pointer to a function in each slot.
struct Table {
  void (*slots[SLOTS])();
};

struct ApiBase {
  const Table *(*GetApi)(uint32_t version);  // nullptr: a version that it does not offer
  const char *(*GetVersionString)();
};

using GetApiBase = const ApiBase *();

}  // namespace lama::ort

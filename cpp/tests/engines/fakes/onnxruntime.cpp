// A library in the place of ONNX Runtime: the functions that liblama uses, and integers in place of a network.
#include <fstream>
#include <iterator>
#include <type_traits>

#include "fake.h"
#include "onnxruntime_abi.h"

namespace lama::ort {

struct Status {
  std::string said;
};
struct Env {};
struct MemoryInfo {};
struct RunOptions {};
struct SessionOptions {};
struct Allocator {};
struct Session : fake::Model {};
struct ModelMetadata : fake::Model {};
struct Value : fake::Tensor {};
struct TensorInfo {
  ElementType type;
  std::vector<int64_t> sizes;
};
struct TypeInfo : TensorInfo {};

namespace {

Status *refused(const char *function) {
  return fake::fails(function) ? new Status{fake::refusal(function)} : nullptr;
}

#define REFUSE(name) \
  if (Status *status = refused(#name)) return status

char *copied(const std::string &text) {
  return strdup(text.c_str());
}

const char *GetErrorMessage(const Status *status) {
  return status->said.c_str();
}

Status *CreateEnvWithCustomLogger(Log log, void *user, LoggingLevel, const char *id, Env **out) {
  REFUSE(CreateEnvWithCustomLogger);
  log(user, LOG_ERROR, "", id, "", "what the logger must not write");
  *out = new Env;
  return nullptr;
}

Status *CreateSession(const Env *, const char *path, const SessionOptions *, Session **out) {
  REFUSE(CreateSession);
  std::ifstream stream(path);
  *out = new Session{{{std::istreambuf_iterator<char>(stream), {}}}};
  return nullptr;
}

Status *Run(Session *session, const RunOptions *, const char *const *, const Value *const *values, size_t,
            const char *const *, size_t, Value **out) {
  REFUSE(Run);
  if (session->says("memory")) return new Status{"Failed to allocate memory"};
  *out = new Value;
  fake::run(*session, *values[0], *values[1], **out);
  return nullptr;
}

template <typename Kind>
Status *made(const char *function, Kind **out) {
  if (Status *status = refused(function)) return status;
  *out = new Kind{};
  return nullptr;
}

Status *CreateSessionOptions(SessionOptions **out) {
  return made("CreateSessionOptions", out);
}
Status *CreateRunOptions(RunOptions **out) {
  return made("CreateRunOptions", out);
}
Status *CreateCpuMemoryInfo(AllocatorType, MemoryType, MemoryInfo **out) {
  return made("CreateCpuMemoryInfo", out);
}
Status *DisableMemPattern(SessionOptions *) {
  return refused("DisableMemPattern");
}
Status *SetSessionLogSeverityLevel(SessionOptions *, int) {
  return refused("SetSessionLogSeverityLevel");
}
Status *SetSessionGraphOptimizationLevel(SessionOptions *, Optimization) {
  return refused("SetSessionGraphOptimizationLevel");
}
Status *SetIntraOpNumThreads(SessionOptions *, int) {
  return refused("SetIntraOpNumThreads");
}
Status *AddRunConfigEntry(RunOptions *, const char *, const char *) {
  return refused("AddRunConfigEntry");
}

Status *SessionGetInputCount(const Session *, size_t *out) {
  REFUSE(SessionGetInputCount);
  *out = 2;
  return nullptr;
}

Status *SessionGetOutputCount(const Session *, size_t *out) {
  REFUSE(SessionGetOutputCount);
  *out = 1;
  return nullptr;
}

Status *info_of(const char *function, const Session *session, bool is_mask, TypeInfo **out) {
  if (Status *status = refused(function)) return status;
  const size_t dimensions = is_mask && !session->is_float() ? 3 : 4;
  *out = new TypeInfo{{session->is_float() ? FLOAT : UINT8, std::vector<int64_t>(dimensions, -1)}};
  return nullptr;
}

Status *SessionGetInputTypeInfo(const Session *session, size_t index, TypeInfo **out) {
  return info_of("SessionGetInputTypeInfo", session, index == 1, out);
}

Status *SessionGetOutputTypeInfo(const Session *session, size_t, TypeInfo **out) {
  return info_of("SessionGetOutputTypeInfo", session, false, out);
}

Status *SessionGetInputName(const Session *session, size_t index, Allocator *, char **out) {
  REFUSE(SessionGetInputName);
  *out = copied(session->says("names=other") ? "x" : index == 0 ? "image" : "mask");
  return nullptr;
}

Status *SessionGetOutputName(const Session *, size_t, Allocator *, char **out) {
  REFUSE(SessionGetOutputName);
  *out = copied("result");
  return nullptr;
}

Status *CreateTensorWithDataAsOrtValue(const MemoryInfo *, void *data, size_t, const int64_t *sizes, size_t dimensions,
                                       ElementType type, Value **out) {
  REFUSE(CreateTensorWithDataAsOrtValue);
  *out = new Value{{type == FLOAT, {sizes, sizes + dimensions}, data, {}}};
  return nullptr;
}

Status *GetTensorMutableData(Value *value, void **out) {
  REFUSE(GetTensorMutableData);
  *out = value->data;
  return nullptr;
}

Status *CastTypeInfoToTensorInfo(const TypeInfo *type, const TensorInfo **out) {
  REFUSE(CastTypeInfoToTensorInfo);
  *out = type;
  return nullptr;
}

Status *GetTensorElementType(const TensorInfo *info, ElementType *out) {
  REFUSE(GetTensorElementType);
  *out = info->type;
  return nullptr;
}

Status *GetDimensionsCount(const TensorInfo *info, size_t *out) {
  REFUSE(GetDimensionsCount);
  *out = info->sizes.size();
  return nullptr;
}

Status *GetDimensions(const TensorInfo *info, int64_t *out, size_t) {
  REFUSE(GetDimensions);
  std::copy(info->sizes.begin(), info->sizes.end(), out);
  return nullptr;
}

Status *GetTensorTypeAndShape(const Value *value, TensorInfo **out) {
  REFUSE(GetTensorTypeAndShape);
  *out = new TensorInfo{value->is_float ? FLOAT : UINT8, value->sizes};
  return nullptr;
}

Status *AllocatorFree(Allocator *, void *memory) {
  free(memory);
  return nullptr;
}

Status *GetAllocatorWithDefaultOptions(Allocator **out) {
  REFUSE(GetAllocatorWithDefaultOptions);
  static Allocator allocator;
  *out = &allocator;
  return nullptr;
}

Status *SessionGetModelMetadata(const Session *session, ModelMetadata **out) {
  REFUSE(SessionGetModelMetadata);
  *out = new ModelMetadata{{session->text}};
  return nullptr;
}

Status *ModelMetadataLookupCustomMetadataMap(const ModelMetadata *metadata, Allocator *, const char *key, char **out) {
  REFUSE(ModelMetadataLookupCustomMetadataMap);
  const bool is_io = std::strcmp(key, "lama_deploy.io") == 0;
  *out = metadata->says("no metadata")
             ? nullptr
             : copied(is_io ? (metadata->is_float() ? "float" : "uint8") : metadata->precision());
  return nullptr;
}

void ReleaseEnv(Env *one) {
  delete one;
}
void ReleaseStatus(Status *one) {
  delete one;
}
void ReleaseMemoryInfo(MemoryInfo *one) {
  delete one;
}
void ReleaseSession(Session *one) {
  delete one;
}
void ReleaseValue(Value *one) {
  delete one;
}
void ReleaseRunOptions(RunOptions *one) {
  delete one;
}
void ReleaseTypeInfo(TypeInfo *one) {
  delete one;
}
void ReleaseTensorTypeAndShapeInfo(TensorInfo *one) {
  delete one;
}
void ReleaseSessionOptions(SessionOptions *one) {
  delete one;
}
void ReleaseModelMetadata(ModelMetadata *one) {
  delete one;
}

const Table *GetApi(uint32_t version) {
  static Table table = [] {
    Table made = {};
#define FILL(number, name, ...)                             \
  static_assert(std::is_same_v<decltype(&name), name##_t>); \
  made.slots[number] = reinterpret_cast<void (*)()>(name);
    LAMA_ORT_SLOTS(FILL)
    return made;
  }();
  return version > API_VERSION || fake::fails("GetApi") ? nullptr : &table;
}

const char *GetVersionString() {
  return "1.99.0";
}

}  // namespace

}  // namespace lama::ort

extern "C" __attribute__((visibility("default"))) const lama::ort::ApiBase *OrtGetApiBase() {
  static const lama::ort::ApiBase base = {lama::ort::GetApi, lama::ort::GetVersionString};
  return fake::fails("OrtGetApiBase") ? nullptr : &base;
}

#include "engines/onnxruntime_session.h"

namespace lama {

namespace {

constexpr const char *TYPES[] = {"undefined", "float32", "uint8",     "int8",       "uint16",  "int16",
                                 "int32",     "int64",   "string",    "bool",       "float16", "double",
                                 "uint32",    "uint64",  "complex64", "complex128", "bfloat16"};

std::string name_of(ort::ElementType type) {
  return size_t(type) < std::size(TYPES) ? TYPES[type] : "type " + std::to_string(int(type));
}

// ONNX Runtime's own logger writes to stderr, which belongs to whoever runs this library. What it logs of an error is
// in the status too.
void silent(void *, ort::LoggingLevel, const char *, const char *, const char *, const char *) {}

template <typename Kind>
OrtOwned<Kind> none(void (*release)(Kind *)) {
  return {nullptr, release};
}

}  // namespace

OnnxSession::OnnxSession(const OnnxRuntimeApi &api, const std::string &model, int threads)
    : api_(api),
      env_(none(api.ReleaseEnv)),
      memory_(none(api.ReleaseMemoryInfo)),
      giving_back_(none(api.ReleaseRunOptions)),
      session_(none(api.ReleaseSession)) {
  ort::Env *env = nullptr;
  check(api_.CreateEnvWithCustomLogger(silent, nullptr, ort::LOG_ERROR, "lama", &env));
  env_.reset(env);
  check(api_.GetAllocatorWithDefaultOptions(&allocator_));
  ort::MemoryInfo *memory = nullptr;
  check(api_.CreateCpuMemoryInfo(ort::DEVICE_ALLOCATOR, ort::DEFAULT_MEMORY, &memory));
  memory_.reset(memory);
  ort::RunOptions *giving_back = nullptr;
  check(api_.CreateRunOptions(&giving_back));
  giving_back_.reset(giving_back);
  check(api_.AddRunConfigEntry(giving_back, "memory.enable_memory_arena_shrinkage", "cpu:0"));
  const auto options = options_for(threads);
  ort::Session *session = nullptr;
  check(api_.CreateSession(env, model.c_str(), options.get(), &session));
  session_.reset(session);
}

OrtOwned<ort::SessionOptions> OnnxSession::options_for(int threads) const {
  ort::SessionOptions *options = nullptr;
  check(api_.CreateSessionOptions(&options));
  auto held = owned(options, api_.ReleaseSessionOptions);
  check(api_.SetSessionGraphOptimizationLevel(options, ort::ENABLE_ALL));
  check(api_.SetSessionLogSeverityLevel(options, ort::LOG_ERROR));
  // Else the second picture of a size takes a plan of its own beside what the first one took, as Python's says.
  check(api_.DisableMemPattern(options));
  if (threads > 0) check(api_.SetIntraOpNumThreads(options, threads));
  return held;
}

void OnnxSession::check(ort::Status *status) const {
  if (status) throw OrtFailure(api_.said(status));
}

std::string OnnxSession::text_of(char *from_allocator) const {
  if (!from_allocator) return "";
  std::string text = from_allocator;
  check(api_.AllocatorFree(allocator_, from_allocator));
  return text;
}

ModelValue OnnxSession::described(const std::string &name, ort::TypeInfo *type) const {
  const auto held = owned(type, api_.ReleaseTypeInfo);
  ModelValue found{name, "no tensor", std::nullopt};
  const ort::TensorInfo *tensor = nullptr;
  check(api_.CastTypeInfoToTensorInfo(type, &tensor));
  if (!tensor) return found;
  ort::ElementType element{};
  size_t dimensions = 0;
  check(api_.GetTensorElementType(tensor, &element));
  check(api_.GetDimensionsCount(tensor, &dimensions));
  found.type = name_of(element);
  found.dimensions = int64_t(dimensions);
  return found;
}

std::vector<ModelValue> OnnxSession::values() const {
  std::vector<ModelValue> found;
  const auto add = [&](auto count, auto type_of, auto name_of) {
    size_t all = 0;
    check(count(session_.get(), &all));
    for (size_t i = 0; i < all; ++i) {
      ort::TypeInfo *type = nullptr;
      char *name = nullptr;
      check(name_of(session_.get(), i, allocator_, &name));
      const std::string text = text_of(name);
      check(type_of(session_.get(), i, &type));
      found.push_back(described(text, type));
    }
  };
  add(api_.SessionGetInputCount, api_.SessionGetInputTypeInfo, api_.SessionGetInputName);
  add(api_.SessionGetOutputCount, api_.SessionGetOutputTypeInfo, api_.SessionGetOutputName);
  return found;
}

std::optional<std::string> OnnxSession::metadata(const std::string &key) const {
  ort::ModelMetadata *metadata = nullptr;
  check(api_.SessionGetModelMetadata(session_.get(), &metadata));
  const auto held = owned(metadata, api_.ReleaseModelMetadata);
  char *value = nullptr;
  check(api_.ModelMetadataLookupCustomMetadataMap(metadata, allocator_, key.c_str(), &value));
  return value ? std::optional(text_of(value)) : std::nullopt;
}

OrtOwned<ort::Value> OnnxSession::tensor(ort::ElementType type, const std::vector<int64_t> &sizes, void *data,
                                         size_t bytes) const {
  ort::Value *value = nullptr;
  check(api_.CreateTensorWithDataAsOrtValue(memory_.get(), data, bytes, sizes.data(), sizes.size(), type, &value));
  return owned(value, api_.ReleaseValue);
}

OnnxSession::Result OnnxSession::run(const ort::Value *image, const ort::Value *mask, bool gives_back) const {
  const char *const inputs[] = {"image", "mask"}, *const outputs[] = {"result"};
  const ort::Value *const values[] = {image, mask};
  ort::Value *value = nullptr;
  check(api_.Run(session_.get(), gives_back ? giving_back_.get() : nullptr, inputs, values, 2, outputs, 1, &value));
  Result result{owned(value, api_.ReleaseValue), {}, {}, nullptr};
  ort::TensorInfo *info = nullptr;
  check(api_.GetTensorTypeAndShape(value, &info));
  const auto held = owned(info, api_.ReleaseTensorTypeAndShapeInfo);
  size_t dimensions = 0;
  check(api_.GetTensorElementType(info, &result.type));
  check(api_.GetDimensionsCount(info, &dimensions));
  result.sizes.resize(dimensions);
  check(api_.GetDimensions(info, result.sizes.data(), dimensions));
  void *data = nullptr;
  check(api_.GetTensorMutableData(value, &data));
  result.data = data;
  return result;
}

}  // namespace lama

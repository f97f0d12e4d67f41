#include "engines/onnxruntime_api.h"

namespace lama {

namespace {

const LibraryKind KIND = {"ONNX Runtime",
                          "libonnxruntime.so",
                          {"libonnxruntime.so.1", "libonnxruntime.so"},
                          {"/opt/onnxruntime*/lib", "/usr/local/onnxruntime*/lib", "~/onnxruntime/capi"},
                          "install ONNX Runtime 1.20 or newer (its release archive, or pip install onnxruntime)"};

}  // namespace

OnnxRuntimeApi::OnnxRuntimeApi(const std::string &engine) : library_(Library::open(KIND, engine)) {
  ort::GetApiBase *get_base = nullptr;
  library_.require("OrtGetApiBase", get_base);
  const ort::ApiBase *base = get_base();
  const ort::Table *table = base ? base->GetApi(ort::API_VERSION) : nullptr;
  version_ = base && base->GetVersionString() ? brief(base->GetVersionString(), 40) : "unknown";
  if (!table)
    throw Error(LAMA_MISSING_LIBRARY, brief(path()) + ": is ONNX Runtime " + version_ +
                                          ", which does not offer what is needed of it; " + KIND.remedy);
#define LAMA_MEMBER(number, name, ...) name = reinterpret_cast<ort::name##_t>(table->slots[number]);
  LAMA_ORT_SLOTS(LAMA_MEMBER)
#undef LAMA_MEMBER
}

std::string OnnxRuntimeApi::said(ort::Status *status) const {
  if (!status) return "";
  const std::unique_ptr<ort::Status, ort::ReleaseStatus_t> held(status, ReleaseStatus);
  const char *message = GetErrorMessage(status);
  return message && *message ? brief(message) : "it did not say why";
}

}  // namespace lama

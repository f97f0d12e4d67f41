// ONNX Runtime's functions, as they were found in its library.
#pragma once

#include <memory>
#include <string>

#include "engines/library.h"
#include "errors.h"
#include "onnxruntime_abi.h"

namespace lama {

// One library's table, with every function as a member of its own name there.
class OnnxRuntimeApi {
 public:
  // engine: as `Library::open` takes it. Throws LAMA_MISSING_LIBRARY.
  explicit OnnxRuntimeApi(const std::string &engine);

#define LAMA_MEMBER(number, name, ...) ort::name##_t name;
  LAMA_ORT_SLOTS(LAMA_MEMBER)
#undef LAMA_MEMBER

  const std::string &version() const { return version_; }
  const std::string &path() const { return library_.path(); }

  // What it said, after which the status is gone; "" for success.
  std::string said(ort::Status *status) const;

 private:
  Library library_;
  std::string version_;
};

}  // namespace lama

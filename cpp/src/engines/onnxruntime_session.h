// A session of ONNX Runtime, and what is asked of it in this library's words. Everything is released with it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engines/interface.h"
#include "engines/onnxruntime_api.h"
#include "shapes.h"

namespace lama {

// An object of ONNX Runtime's, released by the function of its kind.
template <typename Kind>
using OrtOwned = std::unique_ptr<Kind, void (*)(Kind *)>;

// What ONNX Runtime said of a call that failed.
struct OrtFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class OnnxSession {
 public:
  // threads: of one run; 0 leaves it to ONNX Runtime. Throws OrtFailure.
  OnnxSession(const OnnxRuntimeApi &api, const std::string &model, int threads);

  std::vector<ModelValue> values() const;  // inputs, then outputs. Throws OrtFailure.
  std::optional<std::string> metadata(const std::string &key) const;

  // A tensor around memory that outlives it.
  OrtOwned<ort::Value> tensor(ort::ElementType type, const std::vector<int64_t> &sizes, void *data, size_t bytes) const;

  struct Result {
    OrtOwned<ort::Value> value;
    ort::ElementType type;
    std::vector<int64_t> sizes;
    const void *data;
  };

  // gives_back: what the run took returns to the system after it.
  Result run(const ort::Value *image, const ort::Value *mask, bool gives_back) const;

 private:
  void check(ort::Status *status) const;
  template <typename Kind>
  OrtOwned<Kind> owned(Kind *object, void (*release)(Kind *)) const {
    return {object, release};
  }
  OrtOwned<ort::SessionOptions> options_for(int threads) const;
  std::string text_of(char *from_allocator) const;
  ModelValue described(const std::string &name, ort::TypeInfo *type) const;

  const OnnxRuntimeApi &api_;
  ort::Allocator *allocator_ = nullptr;  // ONNX Runtime's own
  OrtOwned<ort::Env> env_;
  OrtOwned<ort::MemoryInfo> memory_;
  OrtOwned<ort::RunOptions> giving_back_;
  OrtOwned<ort::Session> session_;
};

}  // namespace lama

#include "engines/open.h"

#include <string>

#include "engines/onnxruntime.h"
#include "engines/openvino.h"
#include "engines/tensorrt.h"

namespace lama {

namespace {

std::string engine_of(const std::string &target) {
  return target == "onnx" ? "ONNX Runtime" : target == "openvino" ? "OpenVINO" : "TensorRT";
}

// What was asked of one engine is not left out by another in silence: a GPU, above all.
void check_asked(const Bundle &bundle, const EngineOptions &options) {
  const struct {
    bool asked;
    const char *name, *owner;
  } all[] = {{!options.precision.empty(), "precision", "OpenVINO"},
             {!options.cache.empty(), "cache", "OpenVINO"},
             {!options.plugin.empty(), "plugin", "TensorRT"},
             {options.device >= 0, "device", "TensorRT"}};
  for (const auto &one : all)
    if (one.asked && engine_of(bundle.target) != one.owner)
      throw Error(LAMA_INVALID_ARGUMENT, std::string(one.name) + " is of " + one.owner +
                                             "'s bundles alone, and this is one of " + engine_of(bundle.target) +
                                             "; leave it out, or export the bundle for " + one.owner);
}

}  // namespace

std::unique_ptr<Backend> open_backend(const Bundle &bundle, const EngineOptions &options) {
  check_asked(bundle, options);
  if (bundle.target == "onnx") return open_onnxruntime(bundle, options);
  if (bundle.target == "openvino") return open_openvino(bundle, options);
  return open_tensorrt(bundle, options);
}

}  // namespace lama

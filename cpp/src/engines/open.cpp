#include "engines/open.h"

#include "engines/onnxruntime.h"
#include "engines/openvino.h"
#include "engines/tensorrt.h"

namespace lama {

std::unique_ptr<Backend> open_backend(const Bundle &bundle, const EngineOptions &options) {
  if (bundle.target == "onnx") return open_onnxruntime(bundle, options);
  if (bundle.target == "openvino") return open_openvino(bundle, options);
  return open_tensorrt(bundle, options);
}

}  // namespace lama

#include "engines/openvino.h"
namespace lama {
std::unique_ptr<Backend> open_openvino(const Bundle &, const EngineOptions &) {
  throw Error(LAMA_INTERNAL_ERROR, "todo");
}
}  // namespace lama

// Which TensorRT is at the other side of the interface.
#pragma once

namespace lama {

// getInferLibVersion() of the library that holds this address of code or of a virtual table, 0 if it has none: 101303,
// 110200; TensorRT-RTX counts on its own: 10701.
int tensorrt_version_at(const void *address);

inline bool is_rtx(int version) {
  return version > 0 && version < 100000;
}

}  // namespace lama

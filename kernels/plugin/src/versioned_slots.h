// Places in the virtual tables of what TensorRT hands us, where its major versions differ.
//
// TensorRT 11 and TensorRT-RTX derive loggers from IVersionedInterface, whose four entries come first, and dropped the
// registry's functions for IPluginV2. One plugin library serves all of them, so it asks the caller which it is.
#pragma once

namespace lama {

struct VersionedSlots {
  int find_logger, log, register_creator;
};

constexpr VersionedSlots kSlotsOf10 = {0, 0, 12};
constexpr VersionedSlots kSlotsOf11 = {4, 4, 8};

// version: as tensorrt_version_at.
inline const VersionedSlots &slots_of(int version) {
  return version >= 100000 && version < 110000 ? kSlotsOf10 : kSlotsOf11;
}

// The function in this place of the object's table, as a plain function whose first argument is the object.
template <class Function>
Function *function_of(const void *object, int slot) {
  return reinterpret_cast<Function *>((*static_cast<void *const *const *>(object))[slot]);
}

}  // namespace lama

// CUDA's driver as this process has it, and a context of it to compute in.
#pragma once

#include "cuda_functions.h"

namespace lama::cuda {

// Throws Error unless the status is that of success: LAMA_OUT_OF_MEMORY, with what is free, or LAMA_ENGINE_ERROR.
void require(Status status, const char *name);

// A function of the driver: called, it throws what `require` does; `tried` is for who can do without.
template <typename Type>
struct Function {
  const char *name;
  Type *pointer = nullptr;

  template <typename... Arguments>
  void operator()(Arguments... arguments) const {
    require(pointer(arguments...), name);
  }
  template <typename... Arguments>
  Status tried(Arguments... arguments) const {
    return pointer(arguments...);
  }
};

struct Driver {
#define LAMA_FIELD(field, symbol, ...) Function<__VA_ARGS__> field{#symbol};
  LAMA_CUDA_FUNCTIONS(LAMA_FIELD)
#undef LAMA_FIELD
};

// Opened at the first call that finds it. Throws LAMA_MISSING_LIBRARY without a driver, LAMA_ENGINE_ERROR without a
// GPU.
const Driver &driver();

// The context that is current when this is made, of whoever computes here too, or else the primary one of a device,
// which the CUDA runtime uses: addresses of theirs and of ours are good in the same place.
class Device {
 public:
  // ordinal: -1 for the current context, else the first device. Throws Error for one that is not there.
  explicit Device(int ordinal);
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  Context context() const { return context_; }
  Ordinal ordinal() const { return ordinal_; }

 private:
  Context context_ = nullptr;
  Ordinal ordinal_ = 0;
  bool retained_ = false;
};

// This thread computes on the device; the context that it had comes back.
class Current {
 public:
  explicit Current(const Device &device) { driver().context_push(device.context()); }
  ~Current();
  Current(const Current &) = delete;
  Current &operator=(const Current &) = delete;
};

}  // namespace lama::cuda

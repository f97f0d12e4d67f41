// A test's own memory on the fake GPU.
#pragma once

#include <cstring>
#include <vector>

#include "cuda_declared.h"

namespace bench {

// The first device's primary context, on this thread.
class InContext {
 public:
  explicit InContext(int device = 0) : device_(device) {
    cuDevicePrimaryCtxRetain(&context_, device);
    cuCtxPushCurrent_v2(context_);
  }
  ~InContext() {
    cuCtxPopCurrent_v2(&context_);
    cuDevicePrimaryCtxRelease_v2(device_);
  }

 private:
  const int device_;
  lama::cuda::Context context_ = nullptr;
};

class OnDevice {
 public:
  // offset: bytes from what is aligned for TensorRT.
  OnDevice(const std::vector<uint8_t> &bytes, size_t offset) : offset_(offset), size_(bytes.size()) {
    cuMemAlloc_v2(&address_, size_ + offset);
    set(bytes);
  }
  OnDevice(size_t size, size_t offset) : OnDevice(std::vector<uint8_t>(size, 0x33), offset) {}
  ~OnDevice() { cuMemFree_v2(address_); }
  OnDevice(const OnDevice &) = delete;
  OnDevice &operator=(const OnDevice &) = delete;

  uint8_t *pointer() const { return reinterpret_cast<uint8_t *>(address_ + offset_); }
  void set(const std::vector<uint8_t> &bytes) const { std::memcpy(pointer(), bytes.data(), bytes.size()); }
  void fill(int value) const { std::memset(pointer(), value, size_); }
  std::vector<uint8_t> bytes() const { return {pointer(), pointer() + size_}; }

 private:
  lama::cuda::Address address_ = 0;
  const size_t offset_, size_;
};

}  // namespace bench

#include "cuda_driver.h"

#include <dlfcn.h>

#include <algorithm>
#include <string>

#include "errors.h"

namespace lama::cuda {

namespace {

constexpr const char *kElsewhere = "; the model.onnx of its bundle runs in ONNX Runtime";

[[noreturn]] void refuse(lama_status status, const std::string &reason) {
  throw Error(status, "an engine needs an NVIDIA GPU, and there is none here (" + reason + ")" + kElsewhere);
}

template <typename Type>
void resolve(void *library, Function<Type> &function) {
  function.pointer = reinterpret_cast<Type *>(dlsym(library, function.name));
  if (!function.pointer)
    throw Error(LAMA_MISSING_LIBRARY, std::string("the driver's libcuda.so.1 lacks ") + function.name +
                                          ": install a driver for CUDA 12 or later");
}

std::string words_for(const Driver &driver, Status status) {
  const char *text = nullptr;
  if (driver.error_string.tried(status, &text) || !text) return "error " + std::to_string(status);
  return brief(text);
}

// The driver's library stays loaded: what it has started in this process ends with the process alone.
const Driver *opened() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) refuse(LAMA_MISSING_LIBRARY, "no driver is installed");
  static Driver driver;  // of the one call that succeeds
#define LAMA_RESOLVE(field, ...) resolve(library, driver.field);
  LAMA_CUDA_FUNCTIONS(LAMA_RESOLVE)
#undef LAMA_RESOLVE
  if (const Status status = driver.init.tried(0u)) refuse(LAMA_ENGINE_ERROR, words_for(driver, status));
  return &driver;
}

std::string memory_left() {
  size_t left = 0, all = 0;
  if (driver().memory_info.tried(&left, &all)) return "";
  const auto megabytes = [](size_t bytes) { return std::to_string(bytes / 1'000'000); };
  return ", of whose " + megabytes(all) + " MB " + megabytes(left) + " MB are free now";
}

}  // namespace

const Driver &driver() {
  static const Driver *found = opened();  // tried again at the next call where it throws
  return *found;
}

void require(Status status, const char *name) {
  if (status == kOk) return;
  if (status == kOutOfMemory)
    throw Error(LAMA_OUT_OF_MEMORY, "too little memory on the GPU" + memory_left() +
                                        "; give it smaller or fewer pictures at once, or open it with fewer streams");
  throw Error(LAMA_ENGINE_ERROR, std::string("CUDA's ") + name + " failed: " + words_for(driver(), status));
}

Device::Device(int ordinal) {
  const Driver &cuda = driver();
  if (ordinal < 0) cuda.context_current(&context_);
  if (context_) {
    cuda.context_device(&ordinal_);
    return;
  }
  int count = 0;
  cuda.device_count(&count);
  if (std::max(ordinal, 0) >= count)
    throw Error(LAMA_INVALID_ARGUMENT, "device " + std::to_string(std::max(ordinal, 0)) +
                                           " is not there; this machine has " + std::to_string(count) + " of them");
  cuda.device_get(&ordinal_, std::max(ordinal, 0));
  cuda.primary_retain(&context_, ordinal_);
  retained_ = true;
}

Device::~Device() {
  if (retained_) driver().primary_release.tried(ordinal_);
}

Current::~Current() {
  Context left = nullptr;
  driver().context_pop.tried(&left);
}

}  // namespace lama::cuda

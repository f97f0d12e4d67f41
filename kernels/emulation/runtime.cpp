// The few functions of CUDA's runtime that the library calls, on host memory, for one device.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "emulated_runtime.h"

namespace lama::emulation {
namespace {

constexpr int kSharedWithoutAsking = 48 * 1024;

// Bytes of shared memory that a block may ask for (CUDA C++ Programming Guide, compute capabilities).
int most_shared() {
  static const std::map<int, int> kibibytes = {{75, 64},  {80, 163},  {86, 99}, {89, 99},
                                               {90, 227}, {100, 227}, {120, 99}};
  const auto found = kibibytes.find(capability());
  return found == kibibytes.end() ? kSharedWithoutAsking : found->second * 1024;
}

// By kernel and device, since that is whose attribute it is.
std::mutex allowed_mutex;
std::map<std::pair<const void *, int>, int> &allowed() {
  static std::map<std::pair<const void *, int>, int> bytes;
  return bytes;
}

}  // namespace

int capability() {
  const char *named = std::getenv("LAMA_EMULATION_CAPABILITY");
  return named == nullptr ? 90 : std::atoi(named);
}

bool is_missing(const char *name) {
  const char *missing = std::getenv("LAMA_EMULATION_WITHOUT");
  return missing != nullptr &&
         ("," + std::string(missing) + ",").find("," + std::string(name) + ",") != std::string::npos;
}

cudaError_t check_shared(const void *kernel, size_t shared_bytes) {
  const std::lock_guard<std::mutex> lock(allowed_mutex);
  const auto found = allowed().find({kernel, capability()});
  const size_t most = found == allowed().end() ? kSharedWithoutAsking : found->second;
  return shared_bytes <= most ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace lama::emulation

using namespace lama::emulation;

extern "C" {

// Exactly so long that a sanitizer sees the end, and full of NaN.
cudaError_t cudaMalloc(void **pointer, size_t bytes) {
  if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
  if (posix_memalign(pointer, 256, bytes) != 0) return cudaErrorMemoryAllocation;
  std::memset(*pointer, 0xff, bytes);
  return cudaSuccess;
}

cudaError_t cudaFree(void *pointer) {
  if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
  finish_all_copies();
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
  if (is_missing("driver")) return cudaErrorInsufficientDriver;
  if (is_missing("device")) return cudaErrorNoDevice;
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor:
      *value = capability() / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = capability() % 10;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = most_shared();
      return cudaSuccess;
    default:
      return cudaErrorInvalidValue;
  }
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *) {
  *attributes = {};
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void *kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value > most_shared()) return cudaErrorInvalidValue;
  const std::lock_guard<std::mutex> lock(allowed_mutex);
  allowed()[{kernel, capability()}] = value;
  return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    default:
      return "error of the emulation";
  }
}

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    default:
      return "cudaError";
  }
}
}

// libcuda.so.1 without a GPU: devices, contexts, errors.
#include <cstdio>

#include "cuda_calls.h"

namespace fake {

std::vector<CUctx_st *> &pushed() {
  thread_local std::vector<CUctx_st *> contexts;
  return contexts;
}

bool captures_on_this_thread(bool invalidate) {
  bool found = false;
  for (CUstream_st *stream : machine().streams) {
    if (!stream->capturing || stream->capturer != std::this_thread::get_id()) continue;
    stream->invalidated |= invalidate;
    found = true;
  }
  return found;
}

bool in_context() {
  return !pushed().empty();
}

void invalidate_captures() {
  for (CUstream_st *stream : machine().streams) {
    if (stream->capturing) happened("captures broken");
    stream->invalidated |= stream->capturing;
  }
}

}  // namespace fake

using namespace lama::cuda;
using namespace fake;
#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT Status cuInit(unsigned) {
  return fails("cuInit") ? 100 : kOk;
}

EXPORT Status cuGetErrorString(Status status, const char **text) {
  *text = status == 100   ? "no CUDA-capable device is detected"
          : status == 900 ? "operation not permitted when stream is capturing"
                          : "a fake error";
  return kOk;
}

EXPORT Status cuDeviceGetCount(int *count) {
  *count = kDevices;
  return fails("cuDeviceGetCount") ? kUnknown : kOk;
}

EXPORT Status cuDeviceGet(Ordinal *device, int ordinal) {
  *device = ordinal;
  return fails("cuDeviceGet") ? kUnknown : kOk;
}

// "Fake 9.0" and "Fake 9.1".
EXPORT Status cuDeviceGetName(char *name, int size, Ordinal device) {
  std::snprintf(name, size_t(size), "Fake 9.%d", device);
  return fails("cuDeviceGetName") ? kUnknown : kOk;
}

EXPORT Status cuDeviceGetAttribute(int *value, int attribute, Ordinal device) {
  if (attribute != kCapabilityMajor && attribute != kCapabilityMinor) broken("an attribute that is not known");
  *value = attribute == kCapabilityMajor ? 9 : device;
  return fails("cuDeviceGetAttribute") ? kUnknown : kOk;
}

EXPORT Status cuCtxGetDevice(Ordinal *device) {
  FAKE_BEGIN("cuCtxGetDevice", kUnknown);
  *device = pushed().back()->ordinal;
  return kOk;
}

EXPORT Status cuCtxGetCurrent(CUctx_st **context) {
  *context = pushed().empty() ? nullptr : pushed().back();
  return fails("cuCtxGetCurrent") ? kUnknown : kOk;
}

EXPORT Status cuCtxPushCurrent_v2(CUctx_st *context) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  if (fails("cuCtxPushCurrent")) return kUnknown;
  if (!context->retained) broken("a context is pushed that nobody retains (cuDevicePrimaryCtxRelease)");
  pushed().push_back(context);
  return kOk;
}

EXPORT Status cuCtxPopCurrent_v2(CUctx_st **context) {
  if (pushed().empty()) return kInvalidContext;
  *context = pushed().back();
  pushed().pop_back();
  return kOk;
}

EXPORT Status cuDevicePrimaryCtxRetain(CUctx_st **context, Ordinal device) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  if (fails("cuDevicePrimaryCtxRetain")) return kUnknown;
  *context = &machine().primaries[device];
  (*context)->ordinal = device;
  ++(*context)->retained;
  born("primary context");
  return kOk;
}

EXPORT Status cuDevicePrimaryCtxRelease_v2(Ordinal device) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  if (--machine().primaries[device].retained < 0) broken("a primary context is released twice");
  gone("primary context");
  return kOk;
}

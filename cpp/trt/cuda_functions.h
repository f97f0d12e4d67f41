// The functions of CUDA's driver that are called here, by declarations of our own: cuda.h is not needed to compile
// this. tests/trt/cuda_abi.cpp holds them against cuda.h.
#pragma once

#include <cstddef>
#include <cstdint>

struct CUctx_st;
struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace lama::cuda {

using Status = int;  // CUresult
using Ordinal = int;
using Address = unsigned long long;  // CUdeviceptr
using Context = CUctx_st *;
using Stream = CUstream_st *;
using Event = CUevent_st *;
using GraphHandle = CUgraph_st *;
using GraphExec = CUgraphExec_st *;

constexpr Status kOk = 0, kOutOfMemory = 2;
constexpr unsigned kNonBlocking = 1, kWithoutTiming = 2;     // CU_STREAM_NON_BLOCKING, CU_EVENT_DISABLE_TIMING
constexpr int kThreadLocal = 1;                              // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
constexpr int kMemoryType = 2, kDeviceOrdinal = 9;           // CU_POINTER_ATTRIBUTE_*
constexpr int kDeviceMemory = 2;                             // CU_MEMORYTYPE_DEVICE
constexpr uintptr_t kLegacyStream = 1;  // CU_STREAM_LEGACY: the default one, which waits for all others

// X(field, symbol, type)
#define LAMA_CUDA_FUNCTIONS(X)                                                                            \
  X(init, cuInit, Status(unsigned))                                                                       \
  X(error_string, cuGetErrorString, Status(Status, const char **))                                        \
  X(device_count, cuDeviceGetCount, Status(int *))                                                        \
  X(device_get, cuDeviceGet, Status(Ordinal *, int))                                                      \
  X(device_name, cuDeviceGetName, Status(char *, int, Ordinal))                                           \
  X(device_attribute, cuDeviceGetAttribute, Status(int *, int, Ordinal))                                  \
  X(context_device, cuCtxGetDevice, Status(Ordinal *))                                                    \
  X(context_current, cuCtxGetCurrent, Status(Context *))                                                  \
  X(context_push, cuCtxPushCurrent_v2, Status(Context))                                                   \
  X(context_pop, cuCtxPopCurrent_v2, Status(Context *))                                                   \
  X(primary_retain, cuDevicePrimaryCtxRetain, Status(Context *, Ordinal))                                 \
  X(primary_release, cuDevicePrimaryCtxRelease_v2, Status(Ordinal))                                       \
  X(memory_info, cuMemGetInfo_v2, Status(size_t *, size_t *))                                             \
  X(memory_allocate, cuMemAlloc_v2, Status(Address *, size_t))                                            \
  X(memory_free, cuMemFree_v2, Status(Address))                                                           \
  X(host_allocate, cuMemHostAlloc, Status(void **, size_t, unsigned))                                     \
  X(host_free, cuMemFreeHost, Status(void *))                                                             \
  X(copy, cuMemcpyAsync, Status(Address, Address, size_t, Stream))                                        \
  X(pointer_attribute, cuPointerGetAttribute, Status(void *, int, Address))                               \
  X(stream_create, cuStreamCreate, Status(Stream *, unsigned))                                            \
  X(stream_destroy, cuStreamDestroy_v2, Status(Stream))                                                   \
  X(stream_synchronize, cuStreamSynchronize, Status(Stream))                                              \
  X(stream_wait, cuStreamWaitEvent, Status(Stream, Event, unsigned))                                      \
  X(stream_capturing, cuStreamIsCapturing, Status(Stream, int *))                                         \
  X(capture_begin, cuStreamBeginCapture_v2, Status(Stream, int))                                          \
  X(capture_end, cuStreamEndCapture, Status(Stream, GraphHandle *))                                       \
  X(event_create, cuEventCreate, Status(Event *, unsigned))                                               \
  X(event_record, cuEventRecord, Status(Event, Stream))                                                   \
  X(event_destroy, cuEventDestroy_v2, Status(Event))                                                      \
  X(graph_instantiate, cuGraphInstantiateWithFlags, Status(GraphExec *, GraphHandle, unsigned long long)) \
  X(graph_destroy, cuGraphDestroy, Status(GraphHandle))                                                   \
  X(exec_launch, cuGraphLaunch, Status(GraphExec, Stream))                                                \
  X(exec_destroy, cuGraphExecDestroy, Status(GraphExec))

}  // namespace lama::cuda

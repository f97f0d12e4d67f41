// libcuda.so.1 without a GPU: streams, events and graphs.
#include <algorithm>

#include "cuda_calls.h"

using namespace lama::cuda;
using namespace fake;
#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT Status cuStreamCreate(CUstream_st **stream, unsigned flags) {
  FAKE_BEGIN("cuStreamCreate", kUnknown);
  if (flags != kNonBlocking) broken("a stream that waits for the default one (CU_STREAM_NON_BLOCKING)");
  machine().streams.push_back(*stream = new CUstream_st);
  born("stream");
  return kOk;
}

EXPORT Status cuStreamDestroy_v2(CUstream_st *stream) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  if (!in_context()) broken("a stream is destroyed outside of its context");
  run_until(*stream, stream->enqueued);
  machine().streams.erase(std::find(machine().streams.begin(), machine().streams.end(), stream));
  delete stream;
  gone("stream");
  return kOk;
}

EXPORT Status cuStreamSynchronize(CUstream_st *handle) {
  FAKE_BEGIN("cuStreamSynchronize", kUnknown);
  CUstream_st *stream = stream_of(handle);
  if (!stream) return kInvalidHandle;
  if (stream->capturing) {
    stream->invalidated = true;
    return kUnsupported;
  }
  happened("host waits");
  run_until(*stream, stream->enqueued);
  return kOk;
}

EXPORT Status cuStreamWaitEvent(CUstream_st *handle, CUevent_st *event, unsigned) {
  FAKE_BEGIN("cuStreamWaitEvent", kUnknown);
  CUstream_st *stream = stream_of(handle), *other = event->stream;
  const int64_t mark = event->mark;
  if (!stream || !other) return kInvalidHandle;
  add(*stream, [=] { run_until(*other, mark); });
  return kOk;
}

EXPORT Status cuStreamIsCapturing(CUstream_st *handle, int *status) {
  FAKE_BEGIN("cuStreamIsCapturing", kUnknown);
  const CUstream_st *stream = stream_of(handle);
  if (!stream) return kInvalidHandle;
  *status = stream->capturing;
  return kOk;
}

EXPORT Status cuStreamBeginCapture_v2(CUstream_st *handle, int mode) {
  FAKE_BEGIN("cuStreamBeginCapture", kUnknown);
  CUstream_st *stream = stream_of(handle);
  if (!stream || reinterpret_cast<uintptr_t>(handle) <= kLegacyStream || mode != kThreadLocal) return kInvalidValue;
  stream->capturing = true;
  stream->invalidated = false;
  stream->capturer = std::this_thread::get_id();
  stream->captured.clear();
  return kOk;
}

EXPORT Status cuStreamEndCapture(CUstream_st *stream, CUgraph_st **graph) {
  FAKE_BEGIN("cuStreamEndCapture", (stream->capturing = false, kInvalidated));
  *graph = nullptr;
  if (!stream->capturing) return kInvalidValue;
  if (stream->capturer != std::this_thread::get_id()) return kWrongThread;
  stream->capturing = false;
  if (stream->invalidated) return kInvalidated;
  *graph = new CUgraph_st{std::move(stream->captured)};
  born("graph");
  return kOk;
}

EXPORT Status cuEventCreate(CUevent_st **event, unsigned) {
  FAKE_BEGIN("cuEventCreate", kUnknown);
  *event = new CUevent_st;
  born("event");
  return kOk;
}

EXPORT Status cuEventRecord(CUevent_st *event, CUstream_st *handle) {
  FAKE_BEGIN("cuEventRecord", kUnknown);
  event->stream = stream_of(handle);
  if (!event->stream) return kInvalidHandle;
  event->mark = event->stream->enqueued;
  return kOk;
}

EXPORT Status cuEventDestroy_v2(CUevent_st *event) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  delete event;
  gone("event");
  return kOk;
}

EXPORT Status cuGraphInstantiateWithFlags(CUgraphExec_st **exec, CUgraph_st *graph, unsigned long long) {
  FAKE_BEGIN("cuGraphInstantiate", kUnknown);
  *exec = new CUgraphExec_st{std::make_shared<Works>(graph->works)};
  born("graph to launch");
  return kOk;
}

EXPORT Status cuGraphDestroy(CUgraph_st *graph) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  delete graph;
  gone("graph");
  return kOk;
}

EXPORT Status cuGraphLaunch(CUgraphExec_st *exec, CUstream_st *handle) {
  FAKE_BEGIN("cuGraphLaunch", kUnknown);
  CUstream_st *stream = stream_of(handle);
  if (!stream) return kInvalidHandle;
  happened("graph launches");
  add(*stream, [works = exec->works] {
    for (const Work &work : *works) work();
  });
  return kOk;
}

EXPORT Status cuGraphExecDestroy(CUgraphExec_st *exec) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  delete exec;
  gone("graph to launch");
  return kOk;
}

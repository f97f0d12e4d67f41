#include "device.h"

#include <algorithm>

#include "control.h"

namespace fake {

Machine &machine() {
  static Machine &machine = *new Machine;
  return machine;
}

CUstream_st *stream_of(lama::cuda::Stream handle) {
  const auto number = reinterpret_cast<uintptr_t>(handle);
  if (number <= lama::cuda::kLegacyStream) return &machine().legacy;
  const std::vector<CUstream_st *> &streams = machine().streams;
  return std::find(streams.begin(), streams.end(), handle) == streams.end() ? nullptr : handle;
}

void add(CUstream_st &stream, Work work) {
  if (stream.capturing) {
    stream.captured.push_back(std::move(work));
    return;
  }
  stream.waiting.push_back(std::move(work));
  ++stream.enqueued;
}

void run_until(CUstream_st &stream, int64_t mark) {
  while (stream.done < mark && !stream.waiting.empty()) {
    const Work work = std::move(stream.waiting.front());
    stream.waiting.pop_front();
    work();
    ++stream.done;
  }
}

const Block *block_of(lama::cuda::Address address, size_t size) {
  auto after = machine().blocks.upper_bound(address);
  if (after == machine().blocks.begin()) return nullptr;
  const auto &[start, block] = *--after;
  return address + size <= start + block.size ? &block : nullptr;
}

bool launch(lama::cuda::Stream handle, std::function<void()> kernel) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  CUstream_st *stream = stream_of(handle);
  if (stream) add(*stream, std::move(kernel));
  return stream != nullptr;
}

bool is_capturing(lama::cuda::Stream handle) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  const CUstream_st *stream = stream_of(handle);
  return stream && stream->capturing;
}

void run_all_but(lama::cuda::Stream handle) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  for (CUstream_st *stream : machine().streams)
    if (stream != handle) run_until(*stream, stream->enqueued);
}

void limit_memory(size_t bytes) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  machine().limit = bytes;
}

bool has(lama::cuda::Address address, size_t size) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  const Block *block = block_of(address, size);
  return block && block->ordinal >= 0;
}

}  // namespace fake

// libcuda.so.1 without a GPU: memory and copies.
#include <cstdlib>
#include <cstring>

#include "cuda_calls.h"

using namespace lama::cuda;
using namespace fake;
#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

Status allocate(Address *address, size_t size, int ordinal, const char *kind) {
  if (captures_on_this_thread(true)) return kUnsupported;  // CUDA Driver API: unsafe while capturing
  void *memory = nullptr;
  size_t held = 0;
  for (const auto &[start, block] : machine().blocks) held += block.ordinal == ordinal ? block.size : 0;
  if (ordinal >= 0 && machine().limit && held + size > machine().limit) return kOutOfMemory;
  if (!size || posix_memalign(&memory, 256, size)) return size ? kOutOfMemory : kInvalidValue;
  std::memset(memory, 0xa5, size);
  *address = reinterpret_cast<uintptr_t>(memory);
  machine().blocks[*address] = {size, ordinal};
  born(kind);
  return kOk;
}

// cuMemFree: "... if hptr is in use, waits": for all of the device, which breaks captures.
Status release(Address address, const char *kind) {
  const auto found = machine().blocks.find(address);
  if (found == machine().blocks.end() || !pushed().size()) return kInvalidValue;
  invalidate_captures();
  for (CUstream_st *stream : machine().streams) run_until(*stream, stream->enqueued);
  run_until(machine().legacy, machine().legacy.enqueued);
  std::free(reinterpret_cast<void *>(static_cast<uintptr_t>(address)));
  machine().blocks.erase(found);
  gone(kind);
  return kOk;
}

void *pointer(Address address) {
  return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
}

void move(Address target, bool target_known, Address source, bool source_known, size_t size) {
  if (target_known && !block_of(target, size)) return broken("a copy to memory that was freed");
  if (source_known && !block_of(source, size)) return broken("a copy from memory that was freed");
  std::memcpy(pointer(target), pointer(source), size);
}

}  // namespace

EXPORT Status cuMemGetInfo_v2(size_t *left, size_t *all) {
  FAKE_BEGIN("cuMemGetInfo", kUnknown);
  *left = 3'000'000, *all = 80'000'000'000;
  return kOk;
}

EXPORT Status cuMemAlloc_v2(Address *address, size_t size) {
  FAKE_BEGIN("cuMemAlloc", kOutOfMemory);
  return allocate(address, size, pushed().back()->ordinal, "device memory");
}

EXPORT Status cuMemFree_v2(Address address) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  return release(address, "device memory");
}

EXPORT Status cuMemHostAlloc(void **memory, size_t size, unsigned) {
  FAKE_BEGIN("cuMemHostAlloc", kOutOfMemory);
  Address address = 0;
  const Status status = allocate(&address, size, -1, "pinned memory");
  *memory = pointer(address);
  return status;
}

EXPORT Status cuMemFreeHost(void *memory) {
  const std::lock_guard<std::recursive_mutex> lock(machine().mutex);
  return release(reinterpret_cast<uintptr_t>(memory), "pinned memory");
}

// CUDA Driver API, "API synchronization behavior": pageable memory of the host is staged at once when it is read, and
// the copy is complete on return when it is written.
EXPORT Status cuMemcpyAsync(Address target, Address source, size_t size, Stream handle) {
  FAKE_BEGIN("cuMemcpyAsync", kUnknown);
  CUstream_st *stream = stream_of(handle);
  if (!stream) return kInvalidHandle;
  const bool to_known = block_of(target, size), from_known = block_of(source, size);
  if (from_known) {
    add(*stream, [=] { move(target, to_known, source, true, size); });
  } else {
    const char *bytes = static_cast<const char *>(pointer(source));
    const std::vector<char> staged(bytes, bytes + size);
    add(*stream, [=] { move(target, to_known, reinterpret_cast<uintptr_t>(staged.data()), false, size); });
  }
  if (!to_known && !stream->capturing) run_until(*stream, stream->enqueued);
  return kOk;
}

EXPORT Status cuPointerGetAttribute(void *value, int attribute, Address address) {
  FAKE_BEGIN("cuPointerGetAttribute", kUnknown);
  const Block *block = block_of(address, 1);
  if (!block) return kInvalidValue;  // memory that CUDA does not know
  *static_cast<int *>(value) = attribute == kDeviceOrdinal ? std::max(0, block->ordinal)
                               : block->ordinal < 0        ? 1
                                                           : kDeviceMemory;
  return kOk;
}

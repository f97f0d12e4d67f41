#include "cuda_objects.h"

#include <algorithm>
#include <mutex>
#include <new>

namespace lama::cuda {

namespace {

// Of the process, since a capture under way on a device is broken by whoever waits for all of that device, whichever
// thread that is; and to free memory is to wait (CUDA Driver API, cuStreamBeginCapture and cuMemFree).
std::mutex capturing;

// A capture under way, which ends in any case, and what it has captured.
class Capture {
 public:
  explicit Capture(Stream stream) : stream_(stream) { driver().capture_begin(stream, kThreadLocal); }
  ~Capture() {
    if (!ended_) driver().capture_end.tried(stream_, &graph_);
    if (graph_) driver().graph_destroy.tried(graph_);
  }
  Capture(const Capture &) = delete;
  Capture &operator=(const Capture &) = delete;

  GraphHandle end() {
    ended_ = true;
    driver().capture_end(stream_, &graph_);
    return graph_;
  }

 private:
  Stream stream_;
  GraphHandle graph_ = nullptr;
  bool ended_ = false;
};

}  // namespace

Memory::Memory(size_t size) : size_(size) {
  driver().memory_allocate(&address_, std::max<size_t>(1, size));
}

Memory::~Memory() {
  const std::lock_guard<std::mutex> lock(capturing);
  driver().memory_free.tried(address_);
}

HostMemory::HostMemory(size_t size) {
  if (driver().host_allocate.tried(&data_, size, 0u) == kOk) return;
  pinned_ = false;
  data_ = std::malloc(size);
  if (!data_) throw std::bad_alloc();
}

HostMemory::~HostMemory() {
  if (pinned_) {
    const std::lock_guard<std::mutex> lock(capturing);
    driver().host_free.tried(data_);
  } else {
    std::free(data_);
  }
}

OwnStream::OwnStream() {
  driver().stream_create(&stream_, kNonBlocking);
  try {
    driver().event_create(&event_, kWithoutTiming);
  } catch (...) {
    driver().stream_destroy.tried(stream_);
    throw;
  }
}

OwnStream::~OwnStream() {
  driver().event_destroy.tried(event_);
  driver().stream_destroy.tried(stream_);
}

void OwnStream::order(Stream first, Stream then) const {
  driver().event_record(event_, first);
  driver().stream_wait(then, event_, 0u);
}

std::unique_ptr<Graph> OwnStream::capture(const std::function<void()> &enqueue) const {
  const std::lock_guard<std::mutex> lock(capturing);
  Capture capture(stream_);
  enqueue();
  return std::make_unique<Graph>(capture.end());
}

}  // namespace lama::cuda

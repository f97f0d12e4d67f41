// Memory, streams, events and graphs of CUDA, each freed with its object. All is for where a context is `Current`; and
// whatever runs on them has ended before they go.
#pragma once

#include <cstdlib>
#include <functional>
#include <memory>

#include "cuda_driver.h"

namespace lama::cuda {

// On the device.
class Memory {
 public:
  explicit Memory(size_t size);
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  Address address() const { return address_; }
  size_t size() const { return size_; }

 private:
  Address address_ = 0;
  const size_t size_;
};

// On the host, pinned where the system has that to give: copies then run beside other threads' work.
class HostMemory {
 public:
  explicit HostMemory(size_t size);
  ~HostMemory();
  HostMemory(const HostMemory &) = delete;
  HostMemory &operator=(const HostMemory &) = delete;

  uint8_t *data() const { return static_cast<uint8_t *>(data_); }

 private:
  void *data_ = nullptr;
  bool pinned_ = true;
};

// An executable graph.
class Graph {
 public:
  explicit Graph(GraphHandle captured) { driver().graph_instantiate(&handle_, captured, 0ull); }
  ~Graph() { driver().exec_destroy.tried(handle_); }
  Graph(const Graph &) = delete;
  Graph &operator=(const Graph &) = delete;

  void launch(Stream stream) const { driver().exec_launch(handle_, stream); }

 private:
  GraphExec handle_ = nullptr;
};

// A stream that waits for no other by itself, with an event to order it among others.
class OwnStream {
 public:
  OwnStream();
  ~OwnStream();
  OwnStream(const OwnStream &) = delete;
  OwnStream &operator=(const OwnStream &) = delete;

  Stream handle() const { return stream_; }

  // Between host and device, either way, or on the device. Enqueued.
  void copy(Address target, Address source, size_t size) const { driver().copy(target, source, size, stream_); }
  void synchronize() const { driver().stream_synchronize(stream_); }
  // As far as it goes: for ways out that have an error to tell already.
  void settle() const noexcept { driver().stream_synchronize.tried(stream_); }

  void follow(Stream other) const { order(other, stream_); }   // what comes here waits for what the other holds
  void precede(Stream other) const { order(stream_, other); }  // the other way round

  // What `enqueue` enqueues here, as a graph, not run.
  std::unique_ptr<Graph> capture(const std::function<void()> &enqueue) const;

 private:
  void order(Stream first, Stream then) const;

  Stream stream_ = nullptr;
  Event event_ = nullptr;
};

}  // namespace lama::cuda

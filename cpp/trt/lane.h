// A stream, and all that computes on it: contexts by profile, buffers and CUDA graphs by shape.
#pragma once

#include <list>
#include <map>
#include <memory>

#include "context.h"
#include "log.h"

namespace lama {

// For one thread at a time, where a context of CUDA is `Current`.
class Lane {
 public:
  // graphs: how many shapes keep buffers and a CUDA graph, the last used; 0: one keeps its buffers.
  Lane(const Engine &engine, int graphs, const Log &log);
  ~Lane() { stream_.settle(); }  // before contexts and memory go

  // Pictures of the host, through buffers of the lane's own; returns when results are there.
  void run(int profile, const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results);

  // Pictures on the device, in the order of `caller`, which nothing waits for.
  void run_on_device(int profile, const Shape &shape, const Places &places, cuda::Stream caller);

 private:
  struct Sizes {
    size_t image, mask;  // bytes; the result has those of the image
  };
  // One shape at one profile.
  struct Slot {
    Slot(int profile, const Shape &shape, const Sizes &sizes)
        : profile(profile), shape(shape), image(sizes.image), mask(sizes.mask), result(sizes.image) {}
    Places places() const { return {image.address(), mask.address(), result.address()}; }

    const int profile;
    const Shape shape;
    const cuda::Memory image, mask, result;
    std::unique_ptr<cuda::HostMemory> staging;  // image, mask and result, one after the other
    int64_t uses = 0;                           // how often it was run
    std::unique_ptr<ExecutionContext> context;  // one of its own, which `graph` was captured in
    std::unique_ptr<cuda::Graph> graph;
  };

  Sizes sizes_of(const Shape &shape) const;
  Slot &slot_for(int profile, const Shape &shape);
  void forget(size_t kept);
  void run_copied(Slot &slot, const Places &places);
  void compute(Slot &slot);
  ExecutionContext &context_for(Slot &slot);
  ExecutionContext &context_of(int profile);
  void enqueue(ExecutionContext &context, const Shape &shape, const Places &places);
  void require_scratch(int64_t needed);
  void capture(Slot &slot);
  void give_up_graphs(const std::string &reason);
  void read(const Slot &slot, const uint8_t *images, const uint8_t *masks) const;
  void write(const Slot &slot, uint8_t *results) const;

  const Engine &engine_;
  const size_t most_slots_;
  const bool in_place_;
  const Log log_;
  bool captures_;
  cuda::OwnStream stream_;
  std::unique_ptr<cuda::Memory> scratch_;
  std::map<int, std::unique_ptr<ExecutionContext>> contexts_;
  std::list<Slot> slots_;  // the last used first
};

}  // namespace lama

// An execution context of an engine at one profile, which computes in scratch memory that it is given.
#pragma once

#include <memory>

#include "cuda_objects.h"
#include "engine.h"

namespace lama {

// Where pictures, masks and results lie on the device.
struct Places {
  cuda::Address image, mask, result;
};

// For one thread at a time, on one stream.
class ExecutionContext {
 public:
  // An exchange of profiles may copy on the stream that it is given; what is enqueued there later waits for it.
  ExecutionContext(const Engine &engine, int profile, cuda::Stream stream);

  // Takes the shape; returns the bytes of scratch that it needs.
  int64_t scratch_for(const Shape &shape);

  // Of the shape of the last `scratch_for`.
  void bind(const Places &places, const cuda::Memory &scratch);

  // Computes, as shape and places were set.
  void enqueue();

 private:
  void give(const cuda::Memory &scratch);
  void require(bool taken, const std::string &action) const;

  const Engine &engine_;
  const int profile_;
  const cuda::Stream stream_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  Shape shape_{};  // that the context has
  int64_t needed_ = 0;
  cuda::Address scratch_ = 0;  // that it was given for this shape, with its size
  size_t scratch_size_ = 0;
};

}  // namespace lama

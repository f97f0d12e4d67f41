// What TensorRT says: its warnings go to the caller's log, its first error is the cause of what then fails.
#pragma once

#include <NvInferRuntime.h>

#include <string>

#include "log.h"

namespace lama {

// Of this process. TensorRT keeps a pointer to the first logger that it is given for as long as it is loaded
// (NvInferRuntime.h, createInferRuntime), so there is one, which is never freed.
nvinfer1::ILogger &trt_logger();

// While this lives, what TensorRT says on this thread is kept, or told to `log`.
class Listening {
 public:
  explicit Listening(const Log &log);
  ~Listening();
  Listening(const Listening &) = delete;
  Listening &operator=(const Listening &) = delete;

 private:
  const Log *outer_;
};

// The first line of the first error since `Listening` began or this was called, on this thread, else on one of
// TensorRT's own, where nobody listens.
std::string first_trt_error();

}  // namespace lama

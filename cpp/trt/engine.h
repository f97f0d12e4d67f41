// An engine file -> an engine in this process, or one line that says why not.
#pragma once

#include <NvInferRuntime.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "shapes.h"
#include "trt_library.h"

namespace lama {

constexpr const char *kImage = "image", *kMask = "mask", *kResult = "result";

class Engine {
 public:
  // file: the model.engine of a bundle. made_for: GPUs, for the line that TensorRT's refusal becomes.
  // Throws LAMA_BAD_BUNDLE for what lama-export does not write, LAMA_ENGINE_ERROR for what TensorRT says.
  Engine(std::unique_ptr<nvinfer1::IRuntime> runtime, const std::string &file, const std::string &made_for);

  bool floats() const { return floats_; }
  const std::vector<ShapeRange> &profiles() const { return profiles_; }  // in the order of their numbers

  // Without scratch memory of its own. May be called by several threads.
  std::unique_ptr<nvinfer1::IExecutionContext> make_context() const;

  // Bytes of scratch that any shape of a profile needs at most.
  int64_t scratch_bound(int profile) const;

 private:
  void read_interface(const std::string &file);
  void read_profiles(const std::string &file);

  std::unique_ptr<nvinfer1::IRuntime> runtime_;  // in this order: the engine goes first
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  bool floats_ = false;
  std::vector<ShapeRange> profiles_;
  mutable std::mutex making_;  // no header says that an engine makes contexts for several threads at once
};

}  // namespace lama

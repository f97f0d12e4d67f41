#include "engine.h"

#include <cstring>

#include "bundle/files.h"
#include "errors.h"
#include "trt_log.h"

namespace lama {

namespace {

constexpr int64_t kMostBytes = int64_t(1) << 50;  // of a file that bundle.json names

using nvinfer1::Dims;
using nvinfer1::OptProfileSelector;

// Of a mask, (N, H, W) or (N, 1, H, W); zeros where it is neither.
Shape shape_of(const Dims &dims, bool floats) {
  if (dims.nbDims != (floats ? 4 : 3)) return {};
  return {dims.d[0], dims.d[dims.nbDims - 2], dims.d[dims.nbDims - 1]};
}

bool plausible(const ShapeRange &range) {
  for (size_t i = 0; i < range.least.size(); ++i)
    if (range.least[i] < 1 || range.least[i] > range.largest[i] || range.largest[i] > LAMA_MOST_SIDE) return false;
  return true;
}

}  // namespace

Engine::Engine(std::unique_ptr<nvinfer1::IRuntime> runtime, const std::string &file, const std::string &made_for)
    : runtime_(std::move(runtime)) {
  const std::string plan = read_file(file, kMostBytes);
  engine_.reset(runtime_->deserializeCudaEngine(plan.data(), plan.size()));
  if (!engine_)
    throw Error(LAMA_ENGINE_ERROR, brief(file) + ": " + kTrtName + " refuses it (" + first_trt_error() +
                                       "); it runs on the GPUs that it was built for (" +
                                       (made_for.empty() ? "the default" : brief(made_for)) +
                                       "): export again, or use model.onnx, which runs in ONNX Runtime");
  read_interface(file);
  read_profiles(file);
}

void Engine::read_interface(const std::string &file) {
  std::string names;
  bool known = engine_->getNbIOTensors() == 3;
  for (int i = 0; i < engine_->getNbIOTensors(); ++i) {
    const char *name = engine_->getIOTensorName(i);
    if (!name) name = "?";
    known = known && (!std::strcmp(name, kImage) || !std::strcmp(name, kMask) || !std::strcmp(name, kResult));
    names += (i ? ", " : "") + brief(name, 40);
  }
  const nvinfer1::DataType type = engine_->getTensorDataType(kImage);
  floats_ = type == nvinfer1::DataType::kFLOAT;
  if (!known || (!floats_ && type != nvinfer1::DataType::kUINT8))
    throw Error(LAMA_BAD_BUNDLE,
                brief(file) + ": not a LaMa engine of lama-export (it has " + brief(names) + "); export it again");
}

void Engine::read_profiles(const std::string &file) {
  for (int i = 0; i < engine_->getNbOptimizationProfiles(); ++i) {
    const auto shape = [&](OptProfileSelector which) {
      return shape_of(engine_->getProfileShape(kMask, i, which), floats_);
    };
    profiles_.push_back(
        {shape(OptProfileSelector::kMIN), shape(OptProfileSelector::kOPT), shape(OptProfileSelector::kMAX)});
    if (!plausible(profiles_.back()))
      throw Error(LAMA_BAD_BUNDLE,
                  brief(file) + ": profile " + std::to_string(i) + " is none of masks; export it again");
  }
  if (profiles_.empty()) throw Error(LAMA_BAD_BUNDLE, brief(file) + ": has no profile; export it again");
}

std::unique_ptr<nvinfer1::IExecutionContext> Engine::make_context() const {
  const std::lock_guard<std::mutex> lock(making_);
  std::unique_ptr<nvinfer1::IExecutionContext> made(
      engine_->createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED));
  if (!made) throw Error(LAMA_ENGINE_ERROR, std::string(kTrtName) + " does not make a context: " + first_trt_error());
  return made;
}

int64_t Engine::scratch_bound(int profile) const {
#if NV_TENSORRT_VERSION >= 100100 || defined(TRT_MAJOR_RTX)
  return engine_->getDeviceMemorySizeForProfileV2(profile);
#else
  return int64_t(engine_->getDeviceMemorySizeForProfile(profile));
#endif
}

}  // namespace lama

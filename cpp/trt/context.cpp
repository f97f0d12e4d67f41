#include "context.h"

#include <algorithm>

#include "errors.h"
#include "trt_log.h"

namespace lama {

namespace {

using nvinfer1::Dims;

template <typename... Sizes>
Dims dims(Sizes... sizes) {
  Dims made{};
  made.nbDims = sizeof...(sizes);
  int i = 0;
  ((made.d[i++] = sizes), ...);
  return made;
}

void *pointer(cuda::Address address) {
  return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
}

}  // namespace

ExecutionContext::ExecutionContext(const Engine &engine, int profile, cuda::Stream stream)
    : engine_(engine), profile_(profile), stream_(stream), context_(engine.make_context()) {
  require(context_->setOptimizationProfileAsync(profile, stream), "take profile " + std::to_string(profile));
}

int64_t ExecutionContext::scratch_for(const Shape &shape) {
  if (shape == shape_) return needed_;
  const auto [n, h, w] = shape;
  shape_ = {};  // none, until all of it is taken
  scratch_ = 0;
  require(context_->setInputShape(kImage, engine_.floats() ? dims(n, 3, h, w) : dims(n, h, w, 3)),
          "take the image's shape");
  require(context_->setInputShape(kMask, engine_.floats() ? dims(n, 1, h, w) : dims(n, h, w)), "take the mask's shape");
  needed_ = int64_t(context_->updateDeviceMemorySizeForShapes());
  if (needed_ == 0) {  // which is said for an error too (NvInferRuntime.h), that fails nothing here
    static_cast<void>(first_trt_error());
    needed_ = std::max<int64_t>(0, engine_.scratch_bound(profile_));
  }
  shape_ = shape;
  return needed_;
}

void ExecutionContext::bind(const Places &places, const cuda::Memory &scratch) {
  if (scratch_ != scratch.address() || scratch_size_ != scratch.size()) give(scratch);
  require(context_->setTensorAddress(kImage, pointer(places.image)), "take the address of the image");
  require(context_->setTensorAddress(kMask, pointer(places.mask)), "take the address of the mask");
  require(context_->setTensorAddress(kResult, pointer(places.result)), "take the address of the result");
}

// TensorRT parts it anew for each shape, so it is given once for each.
void ExecutionContext::give(const cuda::Memory &scratch) {
#if NV_TENSORRT_VERSION >= 100100 || defined(TRT_MAJOR_RTX)
  context_->setDeviceMemoryV2(pointer(scratch.address()), int64_t(scratch.size()));
#else
  context_->setDeviceMemory(pointer(scratch.address()));
#endif
  scratch_ = scratch.address();
  scratch_size_ = scratch.size();
}

void ExecutionContext::enqueue() {
  require(context_->enqueueV3(stream_), "run");
}

void ExecutionContext::require(bool taken, const std::string &action) const {
  if (!taken) throw Error(LAMA_ENGINE_ERROR, std::string(kTrtName) + " does not " + action + ": " + first_trt_error());
}

}  // namespace lama

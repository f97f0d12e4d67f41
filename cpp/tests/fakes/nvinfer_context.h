// A context of the fake libnvinfer, which keeps TensorRT's rules.
#pragma once

#include <map>

#include "nvinfer_engine.h"

namespace fake {

class FakeContext : public nvinfer1::IExecutionContext, public StubVExecutionContext {
 public:
  explicit FakeContext(FakeEngine &engine);
  ~FakeContext() override;

  nvinfer1::IExecutionContext *getPImpl() noexcept override { return this; }
  bool setOptimizationProfileAsync(int32_t index, cudaStream_t stream) noexcept override;
  bool setInputShape(const char *name, const nvinfer1::Dims &dims) noexcept override;
  size_t updateDeviceMemorySizeForShapes() noexcept override;
  void setDeviceMemory(void *memory) noexcept override;
#if NV_TENSORRT_VERSION >= 100100
  void setDeviceMemoryV2(void *memory, int64_t size) noexcept override;
#endif
  bool setTensorAddress(const char *name, void *data) noexcept override;
  bool enqueueV3(cudaStream_t stream) noexcept override;

 private:
  // What a graph that was captured here holds on to.
  struct Life {
    std::atomic<int> state{0};
    std::atomic<bool> over{false};
  };
  // One run, as shapes and addresses were set.
  struct Run {
    Sizes shape{};
    lama::cuda::Address image = 0, mask = 0, result = 0, scratch = 0;
    bool operator==(const Run &other) const;
  };

  bool refuse(const char *line) const;
  bool ready(cudaStream_t stream) const;
  Run arranged() const;
  void require_apart(const Run &run, int64_t bytes_of_image) const;
  void compute(const Run &run) const;

  FakeEngine &engine_;
  int profile_ = -1;
  cudaStream_t profile_stream_ = nullptr;
  std::map<std::string, Sizes> shapes_;
  std::map<std::string, lama::cuda::Address> addresses_;
  lama::cuda::Address scratch_ = 0;
  int64_t scratch_size_ = 0;
  bool sized_ = false;  // updateDeviceMemorySizeForShapes was called for these shapes
  Run prepared_;
  std::shared_ptr<Life> life_ = std::make_shared<Life>();
};

}  // namespace fake

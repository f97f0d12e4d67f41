// An engine of the fake libnvinfer: what its file says, and integer arithmetic for a network.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "control.h"
#include "stubs.h"

namespace fake {

using Sizes = std::array<int64_t, 3>;  // pictures, height, width

struct Plan {
  bool floats = false;
  bool silent = false;     // gives 0 for the size of scratch memory, as for an error
  bool nan = false;        // computes one
  bool host_code = false;  // brings a runtime of its own, as version-compatible ones do
  int refused = 0;         // so many captures fail
  int contexts = 1000;     // at the same time
  std::vector<std::string> names = {"image", "mask", "result"};
  std::vector<std::array<Sizes, 3>> profiles;
};

// "fake engine", then lines: "float", "silent", "nan", "hostcode", "refuse N", "contexts N", "name NAME", "profile" and
// nine numbers.
bool read_plan(const std::string &text, Plan &plan);

constexpr int64_t kScratchPerPixel = 8;

class FakeEngine : public nvinfer1::ICudaEngine, public StubVCudaEngine {
 public:
  FakeEngine(const Plan &plan, nvinfer1::ILogger &logger, std::shared_ptr<std::atomic<int>> engines);
  ~FakeEngine() override;

  nvinfer1::ICudaEngine *getPImpl() noexcept override { return this; }
  nvinfer1::IExecutionContext *createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy) noexcept override;
  int32_t getNbOptimizationProfiles() const noexcept override { return int32_t(plan_.profiles.size()); }
  nvinfer1::DataType getTensorDataType(const char *name) const noexcept override;
  nvinfer1::Dims getProfileShape(const char *name, int32_t index,
                                 nvinfer1::OptProfileSelector which) const noexcept override;
  int32_t getNbIOTensors() const noexcept override { return int32_t(plan_.names.size()); }
  const char *getIOTensorName(int32_t index) const noexcept override { return plan_.names[size_t(index)].c_str(); }
#if NV_TENSORRT_VERSION >= 100100
  int64_t getDeviceMemorySizeForProfileV2(int32_t index) const noexcept override { return bound(index); }
#else
  size_t getDeviceMemorySizeForProfile(int32_t index) const noexcept override { return size_t(bound(index)); }
#endif

  const Plan &plan() const { return plan_; }
  bool refuses_capture() { return refused_-- > 0; }
  void say(const char *line) const { logger_.log(nvinfer1::ILogger::Severity::kERROR, line); }

  std::atomic<int> contexts{0};

 private:
  int64_t bound(int32_t index) const;

  const Plan plan_;
  nvinfer1::ILogger &logger_;
  const std::shared_ptr<std::atomic<int>> engines_;  // of its runtime
  std::atomic<int> refused_;
};

}  // namespace fake

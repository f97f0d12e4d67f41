#include "nvinfer_engine.h"

#include <cstring>
#include <sstream>

#include "nvinfer_context.h"

namespace fake {

using namespace nvinfer1;

bool read_plan(const std::string &text, Plan &plan) {
  std::istringstream lines(text);
  std::string line, word;
  if (!std::getline(lines, line) || line != "fake engine") return false;
  bool named = false;
  while (lines >> word) {
    if (word == "float") plan.floats = true;
    if (word == "silent") plan.silent = true;
    if (word == "nan") plan.nan = true;
    if (word == "hostcode") plan.host_code = true;
    if (word == "refuse") lines >> plan.refused;
    if (word == "contexts") lines >> plan.contexts;
    if (word == "name") {
      if (!named) plan.names.clear();
      named = true;
      lines >> plan.names.emplace_back();
    }
    if (word == "profile") {
      plan.profiles.emplace_back();
      for (Sizes &sizes : plan.profiles.back())
        for (int64_t &size : sizes) lines >> size;
    }
  }
  return true;
}

FakeEngine::FakeEngine(const Plan &plan, ILogger &logger, std::shared_ptr<std::atomic<int>> engines)
    : plan_(plan), logger_(logger), engines_(std::move(engines)), refused_(plan.refused) {
  mImpl = this;
  ++*engines_;
  born("engine");
}

FakeEngine::~FakeEngine() {
  if (!in_context()) broken("an engine is destroyed outside of its context");
  if (contexts) broken("an engine is destroyed before its contexts (NvInferRuntime.h, ICudaEngine)");
  --*engines_;
  gone("engine");
}

IExecutionContext *FakeEngine::createExecutionContext(ExecutionContextAllocationStrategy strategy) noexcept {
  if (strategy != ExecutionContextAllocationStrategy::kUSER_MANAGED) broken("a context allocates memory of its own");
  if (contexts < plan_.contexts && !fails("createExecutionContext")) return new FakeContext(*this);
  say("no context\nfor the test asked for none");
  return nullptr;
}

DataType FakeEngine::getTensorDataType(const char *name) const noexcept {
  if (std::strcmp(name, "image")) return DataType::kHALF;
  return plan_.floats ? DataType::kFLOAT : DataType::kUINT8;
}

Dims FakeEngine::getProfileShape(const char *, int32_t index, OptProfileSelector which) const noexcept {
  Dims dims{};
  dims.nbDims = -1;
  if (fails("getProfileShape")) return dims;
  const Sizes &sizes = plan_.profiles[size_t(index)][size_t(which)];
  dims.nbDims = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i == 1 && plan_.floats) dims.d[dims.nbDims++] = 1;
    dims.d[dims.nbDims++] = sizes[i];
  }
  return dims;
}

int64_t FakeEngine::bound(int32_t index) const {
  const Sizes &largest = plan_.profiles[size_t(index)][2];
  return kScratchPerPixel * largest[0] * largest[1] * largest[2];
}

}  // namespace fake

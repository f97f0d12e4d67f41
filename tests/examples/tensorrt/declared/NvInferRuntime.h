// What examples/cpp/tensorrt_engine.cpp calls of TensorRT, for machines without its headers: names, arguments and
// results are TensorRT's; the binary interface is not (its classes are no interfaces). Compare:
// tests/cpp/test_tensorrt.py.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace nvinfer1 {

class Dims64 {
 public:
  static constexpr int32_t MAX_DIMS = 8;
  int32_t nbDims;
  int64_t d[MAX_DIMS];
};
using Dims = Dims64;
enum class OptProfileSelector : int32_t { kMIN = 0, kOPT = 1, kMAX = 2 };

class ILogger {
 public:
  enum class Severity : int32_t { kINTERNAL_ERROR = 0, kERROR = 1, kWARNING = 2, kINFO = 3, kVERBOSE = 4 };
  virtual void log(Severity severity, const char *line) noexcept = 0;
  virtual ~ILogger() = default;
};

class IExecutionContext {
 public:
  virtual ~IExecutionContext() = default;
  virtual bool setOptimizationProfileAsync(int32_t profile, cudaStream_t stream) noexcept = 0;
  virtual bool setInputShape(const char *name, const Dims &dims) noexcept = 0;
  virtual bool setTensorAddress(const char *name, void *address) noexcept = 0;
  virtual bool enqueueV3(cudaStream_t stream) noexcept = 0;
};

class ICudaEngine {
 public:
  virtual ~ICudaEngine() = default;
  virtual int32_t getNbOptimizationProfiles() const noexcept = 0;
  virtual Dims getProfileShape(const char *name, int32_t profile, OptProfileSelector select) const noexcept = 0;
  virtual IExecutionContext *createExecutionContext() noexcept = 0;
};

class IPluginRegistry {
 public:
  using PluginLibraryHandle = void *;
  virtual PluginLibraryHandle loadLibrary(const char *path) noexcept = 0;

 protected:
  virtual ~IPluginRegistry() = default;
};

class IRuntime {
 public:
  virtual ~IRuntime() = default;
  virtual IPluginRegistry &getPluginRegistry() noexcept = 0;
  virtual ICudaEngine *deserializeCudaEngine(const void *plan, std::size_t size) noexcept = 0;
};

IRuntime *createInferRuntime(ILogger &logger) noexcept;

}  // namespace nvinfer1

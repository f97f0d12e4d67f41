// TensorRT and CUDA's runtime as examples/cpp/tensorrt_engine.cpp calls them. The network turns hole pixels white. A
// rule that is broken ends the process, with the name of where it is written.
#include <NvInferRuntime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace nvinfer1;
using Work = std::function<void()>;

struct CUstream_st {
  std::vector<Work> work;
  bool capturing = false;
  void finish() {
    for (const Work &one : work) one();
    work.clear();
  }
};
struct CUgraph_st {
  std::vector<Work> work;
};
struct CUgraphExec_st {
  std::vector<Work> work;
};

namespace {

void rule(bool holds, const char *what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::_Exit(99);
}

std::set<std::string> plugins;
std::set<void *> allocations;
int contexts = 0, engines = 0, executables = 0;

class Context : public IExecutionContext {
 public:
  explicit Context(int profiles) : profiles_(profiles) { ++contexts; }
  ~Context() override {
    rule(executables == 0, "a graph outlives the context that it was captured in (TensorRT's guide, CUDA graphs)");
    --contexts;
  }
  bool setOptimizationProfileAsync(int32_t profile, cudaStream_t stream) noexcept override {
    profile_ = profile, stream_ = stream;
    return profile >= 0 && profile < profiles_;
  }
  bool setInputShape(const char *name, const Dims &dims) noexcept override {
    rule(profile_ >= 0, "a shape before the profile (NvInferRuntime.h, setInputShape)");
    shapes_[name] = dims, prepared_ = false;
    return dims.nbDims == (std::strcmp(name, "image") == 0 ? 4 : 3);
  }
  bool setTensorAddress(const char *name, void *address) noexcept override {
    rule(reinterpret_cast<uintptr_t>(address) % 256 == 0, "an address that is not aligned (setTensorAddress)");
    addresses_[name] = static_cast<unsigned char *>(address);
    return true;
  }
  bool enqueueV3(cudaStream_t stream) noexcept override {
    rule(stream == stream_, "the profile was set on another stream (setOptimizationProfileAsync)");
    rule(shapes_.size() == 2 && addresses_.size() == 3, "a shape or an address is missing (enqueueV3)");
    rule(prepared_ || !stream->capturing, "the first run of a shape is captured (TensorRT's guide, CUDA graphs)");
    prepared_ = true;
    const int64_t pixels = shapes_["mask"].d[1] * shapes_["mask"].d[2];
    stream->work.emplace_back([addresses = addresses_, pixels]() mutable {
      for (int64_t i = 0; i < 3 * pixels; ++i) {
        addresses["result"][i] = addresses["mask"][i / 3] != 0 ? 255 : addresses["image"][i];
      }
    });
    return true;
  }

 private:
  const int profiles_;
  int profile_ = -1;
  cudaStream_t stream_ = nullptr;
  bool prepared_ = false;
  std::map<std::string, Dims> shapes_;
  std::map<std::string, unsigned char *> addresses_;
};

// A plan is a text: the largest side of each profile, then the name of a plugin that it needs, if any.
class Engine : public ICudaEngine {
 public:
  explicit Engine(std::vector<int> sides) : sides_(std::move(sides)) { ++engines; }
  ~Engine() override {
    rule(contexts == 0, "an engine is destroyed before its contexts (NvInferRuntime.h, ICudaEngine)");
    --engines;
  }
  int32_t getNbOptimizationProfiles() const noexcept override { return int32_t(sides_.size()); }
  Dims getProfileShape(const char *, int32_t profile, OptProfileSelector select) const noexcept override {
    const int64_t side = select == OptProfileSelector::kMIN ? 1 : sides_[profile];
    return {3, {1, side, side}};
  }
  IExecutionContext *createExecutionContext() noexcept override { return new Context(int(sides_.size())); }

 private:
  const std::vector<int> sides_;
};

class Registry : public IPluginRegistry {
  PluginLibraryHandle loadLibrary(const char *path) noexcept override {
    plugins.insert(path);
    return this;
  }
} registry;

class Runtime : public IRuntime {
 public:
  explicit Runtime(ILogger &logger) : logger_(logger) {}
  ~Runtime() override { rule(engines == 0, "a runtime is destroyed before its engines (NvInferRuntime.h, IRuntime)"); }
  IPluginRegistry &getPluginRegistry() noexcept override { return registry; }
  ICudaEngine *deserializeCudaEngine(const void *plan, std::size_t size) noexcept override {
    const std::string text(static_cast<const char *>(plan), size);
    int first = 0, second = 0;
    char plugin[200] = "";
    const int found = std::sscanf(text.c_str(), "%d %d %199s", &first, &second, plugin);
    if (found >= 2 && (found == 2 || plugins.count(plugin))) return new Engine({first, second});
    logger_.log(ILogger::Severity::kERROR, "the plan is refused");
    return nullptr;
  }

 private:
  ILogger &logger_;
};

}  // namespace

IRuntime *nvinfer1::createInferRuntime(ILogger &logger) noexcept {
  return new Runtime(logger);
}

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  rule(!stream->capturing, "a wait in a capture (CUDA's guide, prohibited operations)");
  stream->finish();
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  stream->finish();
  stream->capturing = true;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
  *graph = new CUgraph_st{stream->work};
  stream->work.clear(), stream->capturing = false;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void **pointer, size_t bytes) {
  if (posix_memalign(pointer, 256, bytes) != 0) std::abort();
  allocations.insert(*pointer);
  std::memset(*pointer, 0xa5, bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void *pointer) {
  rule(allocations.erase(pointer) == 1, "memory that is not there is freed");
  std::free(pointer);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  stream->work.emplace_back([=] { std::memcpy(target, source, bytes); });
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long) {
  *executable = new CUgraphExec_st{graph->work};
  ++executables;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  for (const Work &one : executable->work) stream->work.push_back(one);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  --executables;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
}

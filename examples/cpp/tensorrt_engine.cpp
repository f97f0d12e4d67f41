// The engine of a bundle in a program of one's own, with TensorRT's library and CUDA's runtime alone.
//
//   engine MODEL.engine PLUGIN|- IMAGE MASK RESULT HEIGHT WIDTH     bytes in files: HxWx3, HxW (not 0 = hole), HxWx3
#include <NvInferRuntime.h>
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

// One for the process, never freed: TensorRT keeps the first that it is given (NvInferRuntime.h, createInferRuntime).
class Log : public nvinfer1::ILogger {
  void log(Severity severity, const char *line) noexcept override {
    if (severity <= Severity::kWARNING) std::fprintf(stderr, "%s\n", line);
  }
};
Log *const logger = new Log;

template <class Answer>
Answer need(Answer answer, const char *what) {
  if (!answer) std::fprintf(stderr, "no %s\n", what), std::exit(1);
  return answer;
}

void need(cudaError_t status, const char *what) {
  need(status == cudaSuccess, what);
}

std::vector<char> read(const char *path) {
  std::ifstream file(path, std::ios::binary);
  need(file.is_open(), path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The tightest profile, since kernels of others were chosen for larger pictures; -1 where none takes the picture.
int profile_for(const nvinfer1::ICudaEngine &engine, const nvinfer1::Dims &mask) {
  int found = -1;
  int64_t least = 0;
  for (int profile = 0; profile < engine.getNbOptimizationProfiles(); ++profile) {
    const auto low = engine.getProfileShape("mask", profile, nvinfer1::OptProfileSelector::kMIN);
    const auto high = engine.getProfileShape("mask", profile, nvinfer1::OptProfileSelector::kMAX);
    const int64_t size = int64_t(high.d[1]) * high.d[2];
    bool fits = found < 0 || size < least;
    for (int i = 0; i < 3; ++i) fits = fits && low.d[i] <= mask.d[i] && mask.d[i] <= high.d[i];
    if (fits) found = profile, least = size;
  }
  return found;
}

}  // namespace

int main(int count, char **arguments) {
  if (count != 8) return std::fprintf(stderr, "MODEL.engine PLUGIN|- IMAGE MASK RESULT HEIGHT WIDTH\n"), 2;
  const int height = std::atoi(arguments[6]), width = std::atoi(arguments[7]);
  const std::vector<char> plan = read(arguments[1]), image = read(arguments[3]), mask = read(arguments[4]);
  need(image.size() == size_t(height) * width * 3 && mask.size() == size_t(height) * width, "picture of that size");

  // The plugin comes before the engine that names it. An engine with TensorRT's own DFT needs initLibNvInferPlugins.
  const std::unique_ptr<nvinfer1::IRuntime> runtime(need(nvinfer1::createInferRuntime(*logger), "runtime"));
  if (std::string(arguments[2]) != "-") need(runtime->getPluginRegistry().loadLibrary(arguments[2]), "plugin");
  const std::unique_ptr<nvinfer1::ICudaEngine> engine(
      need(runtime->deserializeCudaEngine(plan.data(), plan.size()), "engine for this TensorRT and this GPU"));
  const std::unique_ptr<nvinfer1::IExecutionContext> context(need(engine->createExecutionContext(), "context"));

  cudaStream_t stream;
  need(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  nvinfer1::Dims mask_shape{3, {1, height, width}}, image_shape{4, {1, height, width, 3}};
  const int profile = profile_for(*engine, mask_shape);
  need(profile >= 0, "profile that takes this size");
  // On the stream that will compute: the exchange may copy there, and nothing else waits for it.
  need(context->setOptimizationProfileAsync(profile, stream), "profile");
  need(context->setInputShape("image", image_shape) && context->setInputShape("mask", mask_shape), "shapes");

  // uint8, dense. Addresses are multiples of 256 (NvInferRuntime.h, setTensorAddress), as cudaMalloc's are.
  void *on_device[3];
  const char *const names[] = {"image", "mask", "result"};
  const size_t sizes[] = {image.size(), mask.size(), image.size()};
  for (int i = 0; i < 3; ++i) {
    need(cudaMalloc(&on_device[i], sizes[i]), "memory");
    need(context->setTensorAddress(names[i], on_device[i]), names[i]);
  }
  need(cudaMemcpyAsync(on_device[0], image.data(), sizes[0], cudaMemcpyHostToDevice, stream), "copy");
  need(cudaMemcpyAsync(on_device[1], mask.data(), sizes[1], cudaMemcpyHostToDevice, stream), "copy");

  // Once before the capture: what TensorRT sets up for a new shape cannot be captured. The graph holds these addresses.
  need(context->enqueueV3(stream), "run");
  need(cudaStreamSynchronize(stream), "run");
  cudaGraph_t graph;
  cudaGraphExec_t repeated;
  need(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
  need(context->enqueueV3(stream), "run in a capture");
  need(cudaStreamEndCapture(stream, &graph), "capture");
  need(cudaGraphInstantiate(&repeated, graph, 0), "graph");
  need(cudaGraphLaunch(repeated, stream), "launch");

  std::vector<char> result(image.size());
  need(cudaMemcpyAsync(result.data(), on_device[2], sizes[2], cudaMemcpyDeviceToHost, stream), "copy");
  need(cudaStreamSynchronize(stream), "result");
  std::ofstream(arguments[5], std::ios::binary).write(result.data(), std::streamsize(result.size()));
  need(cudaGraphExecDestroy(repeated), "graph");  // before the context that it was captured in
  need(cudaGraphDestroy(graph), "graph");
  for (void *memory : on_device) need(cudaFree(memory), "memory");
  return 0;
}

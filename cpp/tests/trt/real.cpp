// TensorRT's own library, as far as a machine without a GPU lets it go: test_trt_real LIBRARY-OR-FOLDER VERSION PLUGIN.
// Its CUDA runtime finds the fake driver too old, and a file that is no engine is refused before that.
#include <cstdlib>

#include "bench_of_trt.h"

namespace {

bench::Options options_of(char **arguments) {
  bench::Options options;
  options.library = arguments[1];
  options.version = arguments[2];
  options.rtx = std::string(LAMA_TRT_FILE).find("_rtx") != std::string::npos;
  options.model = bench::plan(std::string(4096, 'x'));
  return options;
}

void expect(const bench::Engine &engine, const std::string &words) {
  const std::string line = engine.error.message;
  bench::check(engine.status == LAMA_ENGINE_ERROR, "an engine's error", std::to_string(engine.status));
  bench::check(line.find(words) != std::string::npos, words.c_str(), line);
}

}  // namespace

int main(int count, char **arguments) {
  if (count != 4) return EXIT_FAILURE;
  bench::Options options = options_of(arguments);
  expect(bench::Engine(options), "refuses it (IRuntime::deserializeCudaEngine: Error Code 1: Serialization");
  expect(bench::Engine(options), "refuses it (IRuntime::deserializeCudaEngine: Error Code 1: Serialization");
  std::vector<std::string> told;
  options.plugin = arguments[3], options.plugin_named = false;
  options.needs_plugin = true, options.told = &told;
  expect(bench::Engine(options), "refuses it (IRuntime::deserializeCudaEngine: Error Code 1: Serialization");
  CHECK(!told.empty() && told[0] == options.plugin + " is loaded, and its code executed: the plugin of an engine");
  told.clear();
  expect(bench::Engine(options), "refuses it (IRuntime::deserializeCudaEngine: Error Code 1: Serialization");
  CHECK(told.empty());  // it is there: the registry has SpectralConv
  options.version = "0.1";
  expect(bench::Engine(options), " 0.1, which is the only version that runs it, and this is");
  return bench::finish();
}

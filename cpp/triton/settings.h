// What config.pbtxt and the server's command line say of a model.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lama/inpainter.h"

namespace lama::triton {

// Names of the tensors, which are those of every bundle.
constexpr const char *IMAGE = "image", *MASK = "mask", *RESULT = "result";

struct Settings {
  std::string bundle;                                // its folder in that of the model's version
  std::map<std::string, std::string> texts;          // engine, plugin, cache, precision
  lama_options options;                              // without texts and log
  std::vector<std::pair<int64_t, int64_t>> warm_up;  // widths and heights to compute before the model is ready
  int cpu_instances = 0;
  std::map<int, int> gpu_instances;  // by ordinal

  // How many instances share the inpainter of a GPU, or with -1 that of the CPU.
  int instances(int device) const;
};

// model: as TRITONBACKEND_ModelConfig gives it, version 1; server: as TRITONBACKEND_BackendConfig. Both are JSON.
// Throws LAMA_INVALID_ARGUMENT for tensors that are not ours, and parameters that are unknown or out of range.
Settings read_settings(const std::string &model, const std::string &server);

}  // namespace lama::triton

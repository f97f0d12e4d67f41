// Which generator a bundle holds, as far as its memory depends on it: lama_deploy/variants.py, `GeneratorConfig`.
#pragma once

#include <cstdint>
#include <string>

namespace lama {

struct Generator {
  std::string kind = "ffc";  // "ffc", "regular" or "dilated"
  int64_t width = 64, downsamplings = 3, blocks = 9, max_channels = 1024;
  double ratio = 0.75;

  int64_t channels(int64_t level) const;  // after `level` downsamplings
};

}  // namespace lama

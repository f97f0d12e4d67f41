// A model of OpenVINO as files: read once, and a cache that goes by their content. openvino_files.py says why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bundle/bundle.h"

namespace lama {

// model.xml and the weights beside it, in memory.
struct ModelFiles {
  // Throws LAMA_BAD_BUNDLE.
  static ModelFiles read(const Bundle &bundle);

  std::optional<std::string> property(const std::string &name) const;  // of lama-export's. Throws LAMA_BAD_BUNDLE.
  std::string whole_xml() const;                                       // `with_whole_window`. Throws LAMA_BAD_BUNDLE.

  std::string path, xml;
  std::string weights;    // and, behind them, the values that whole_xml() refers to
  int64_t window_offset;  // of these, in bytes
  std::string digest;     // SHA-256 of both files, in hex
};

// Where OpenVINO keeps what it compiles of a model: a folder of its own in `cache`, made if need be; those of models
// that were used longest ago vanish. Throws LAMA_INVALID_ARGUMENT for a folder that cannot be written.
std::string cache_folder(const std::string &cache, const std::string &digest);

}  // namespace lama

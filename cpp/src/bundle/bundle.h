// A bundle: the folder that lama-export wrote. The counterpart of lama_deploy/bundle.py, for who opens one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend.h"
#include "bundle/generator.h"
#include "shapes.h"

namespace lama {

inline constexpr char MANIFEST[] = "bundle.json";
inline constexpr char REMEDY[] = "export the bundle again, or copy it again from where it was whole";

struct BundleFile {
  std::string name;  // plain: of a file in the bundle's folder
  int64_t bytes;
  std::string sha256;  // in hex, lower case
};

// Of an engine of TensorRT; without a version where bundle.json describes none.
struct EngineRecord {
  std::string version;             // of TensorRT, which alone runs it
  bool plugin = false;             // it holds SpectralConv
  bool dft = false;                // it holds TensorRT's own plugin for Fourier transforms
  std::string gpus;                // that it was built for, such as "NVIDIA H100"; "" where bundle.json does not say
  std::vector<ShapeRange> ranges;  // by profile
};

struct Bundle {
  std::string folder;             // as it was given
  std::string target, precision;  // "onnx", "openvino", "trt", "trt-rtx"; "fp32", "fp16", "bf16", "int8"
  std::string io;                 // "uint8" or "float"
  std::string decoder;            // "hole" or "whole"
  std::vector<BundleFile> files;
  Generator generator;
  EngineRecord engine;
  std::optional<Memory> memory;  // as it was recorded on the machine that exported it

  const BundleFile *file(std::string_view name) const;  // nullptr: it names none
  std::string path(std::string_view name) const;        // of a file in its folder
  std::string model() const;                            // path of the file that the engine opens
};

// Reads bundle.json, and looks at every file that it names: that it is a file of that size, and, with `check`, of that
// SHA-256. Throws Error: LAMA_BAD_BUNDLE for a missing, damaged or newer manifest or file.
Bundle load_bundle(const std::string &folder, bool check);

// Throws LAMA_BAD_BUNDLE unless the precision that the model's own metadata names is the manifest's; nullopt and
// "" count as fp32, as they do in Python.
void check_precision(const Bundle &bundle, const std::optional<std::string> &found);

}  // namespace lama

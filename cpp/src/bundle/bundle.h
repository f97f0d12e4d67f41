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
  std::string version;                     // of TensorRT, which alone runs it
  bool version_compatible = false;         // later ones of its major version run it too, with code that it brings
  bool stripped = false;                   // it has no weights: lama-refit makes a bundle that does
  bool plugin = false;                     // it holds SpectralConv
  std::string plugin_file, plugin_sha256;  // the library that it was built with, in the bundle's folder; "" for none
  bool plugin_in_python = false;           // that library is one that only the plugin in Python uses
  bool dft = false;                        // it holds TensorRT's own plugin for Fourier transforms
  std::string gpus;                        // that it was built on, such as "NVIDIA H100"; "": bundle.json does not say
  std::string capability;                  // compute capability of it, such as "9.0"; "" the same
  std::string hardware = "none";           // "ampere+", "same-cc": other GPUs than that run it
  std::vector<std::string> capabilities;   // that TensorRT-RTX built it for; none for its default
  std::vector<ShapeRange> ranges;          // by profile
};

struct Bundle {
  std::string folder;             // as it was given
  std::string target, precision;  // "onnx", "openvino", "trt", "trt-rtx"; "fp32", "fp16", "bf16", "int8"
  std::optional<Shape> fixed;     // where the model takes no other shapes
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

// A file that bundle.json names: throws LAMA_BAD_BUNDLE unless it is as it says.
void check_file(const Bundle &bundle, std::string_view name);

// The platform in the name of a plugin's library in a bundle, "plugin-linux-x86_64.so"; "" for any other name.
std::string platform_of_plugin(std::string_view name);

// Throws LAMA_BAD_BUNDLE unless the precision that the model's own metadata names is the manifest's; nullopt and
// "" count as fp32, as they do in Python.
void check_precision(const Bundle &bundle, const std::optional<std::string> &found);

}  // namespace lama

// TensorRT's library, opened at run time: one of the major version whose headers this was compiled with.
#pragma once

#include <NvInferRuntime.h>

#include <memory>
#include <string>

#include "engines/library.h"

namespace lama {

#ifdef TRT_MAJOR_RTX
constexpr bool kIsRtx = true;
constexpr const char *kTrtName = "TensorRT-RTX", *kTrtStem = "libtensorrt_rtx.so.";
#else
constexpr bool kIsRtx = false;
constexpr const char *kTrtName = "TensorRT", *kTrtStem = "libnvinfer.so.";
#endif

// Never closed: TensorRT keeps threads and a pointer to its logger.
class TrtLibrary {
 public:
  // place: its file, or a folder that has it; "" for where the dynamic linker looks. Throws LAMA_MISSING_LIBRARY for
  // none, for one of another major version, whose virtual functions lie in other places, and for one that lacks a
  // symbol.
  explicit TrtLibrary(const std::string &place);

  const std::string &path() const { return path_; }
  // Such as "10.14.1.48"; without the last part where the library does not tell it.
  const std::string &version() const { return version_; }

  std::unique_ptr<nvinfer1::IRuntime> make_runtime() const;  // throws LAMA_ENGINE_ERROR
  nvinfer1::IPluginRegistry *plugins() const;                // null where it has none
  // Registers TensorRT's own plugins, which libnvinfer_plugin has. Throws Error.
  void register_own_plugins() const;

 private:
  void require_version() const;

  const Library library_;
  std::string path_, version_;
  int number_ = 0;
};

}  // namespace lama

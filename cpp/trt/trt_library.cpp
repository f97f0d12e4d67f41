#include "trt_library.h"

#include <dlfcn.h>

#include "errors.h"
#include "places.h"
#include "trt_log.h"

namespace lama {

namespace {

constexpr int kOldest =
    NV_TENSORRT_VERSION < 100100 ? 100000 : 100100;  // functions of 10.1 are called where they are known

std::string dotted(int number) {
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

std::string major() {
  return std::to_string(NV_TENSORRT_MAJOR);
}

// Of the version of the headers alone, so that a folder with several is searched for the right one. The folders are
// those of NVIDIA's packages.
LibraryKind kind() {
  const std::string name = kTrtStem + major();
  return {kTrtName,
          name,
          {name},
          {"~/tensorrt_libs", "~/tensorrt_rtx_libs", "/usr/local/tensorrt*/lib", "/opt/tensorrt*/lib"},
          std::string("install ") + kTrtName + " " + major()};
}

}  // namespace

TrtLibrary::TrtLibrary(const std::string &place) : library_(Library::open(kind(), place)) {
  using Number = int32_t();
  Number *number = nullptr;
  library_.require("getInferLibVersion", number);
  path_ = path_of(reinterpret_cast<const void *>(number));
  number_ = number();
  version_ = dotted(number_);
  require_version();
  if (void *build = library_.find("getInferLibBuildVersion"))
    version_ += "." + std::to_string(reinterpret_cast<Number *>(build)());
}

void TrtLibrary::require_version() const {
  const std::string found = brief(path_) + ": is version " + version_ +
                            ", and this liblama_trt was built with the headers of " + kTrtName + " " +
                            dotted(NV_TENSORRT_VERSION);
  if (number_ / 10000 != NV_TENSORRT_MAJOR)
    throw Error(LAMA_MISSING_LIBRARY,
                found + ": build it again with the library's own headers, or give a " + kTrtStem + major());
  if (!kIsRtx && number_ < kOldest) throw Error(LAMA_MISSING_LIBRARY, found + ": upgrade TensorRT");
}

std::unique_ptr<nvinfer1::IRuntime> TrtLibrary::make_runtime() const {
  using Make = void *(void *, int32_t);
  Make *make = nullptr;
  library_.require("createInferRuntime_INTERNAL", make);
  std::unique_ptr<nvinfer1::IRuntime> made(static_cast<nvinfer1::IRuntime *>(make(&trt_logger(), NV_TENSORRT_VERSION)));
  if (!made) throw Error(LAMA_ENGINE_ERROR, std::string(kTrtName) + " makes no runtime: " + first_trt_error());
  return made;
}

nvinfer1::IPluginRegistry *TrtLibrary::plugins() const {
  using Get = nvinfer1::IPluginRegistry *();
  Get *get = nullptr;
  library_.require("getPluginRegistry", get);
  return get();
}

void TrtLibrary::register_own_plugins() const {
  using Register = bool(void *, const char *);
  const std::string name = "libnvinfer_plugin.so." + major();
  void *library = dlopen((folder_of(path_) + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  auto *add = library ? reinterpret_cast<Register *>(dlsym(library, "initLibNvInferPlugins")) : nullptr;
  if (!add)
    throw Error(LAMA_MISSING_LIBRARY,
                "the engine computes Fourier transforms with TensorRT's own plugin, and there is no " + name +
                    " beside " + brief(path_) + ": install it (libnvinfer-plugin), or export with --spectral inline");
  if (!add(&trt_logger(), ""))
    throw Error(LAMA_ENGINE_ERROR, "TensorRT does not register its own plugins: " + first_trt_error());
}

}  // namespace lama

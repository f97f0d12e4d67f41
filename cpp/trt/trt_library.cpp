#include "trt_library.h"

#include <dlfcn.h>

#include "errors.h"
#include "files.h"
#include "trt_log.h"

namespace lama {

namespace {

constexpr int kOldest =
    NV_TENSORRT_VERSION < 100100 ? 100000 : 100100;  // functions of 10.1 are called where they are known

std::string dotted(int number) {
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

std::string soname() {
  return kTrtStem + std::to_string(NV_TENSORRT_MAJOR);
}

void *open_library(const std::string &place) {
  const std::string name = place.empty() ? soname() : is_folder(place) ? place + "/" + soname() : place;
  if (void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  const char *reason = dlerror();
  throw Error(LAMA_MISSING_LIBRARY, std::string(kTrtName) + "'s library cannot be opened (" +
                                        brief(reason ? reason : name) + "): install " + kTrtName + " " +
                                        std::to_string(NV_TENSORRT_MAJOR) + ", or name the folder of " + soname() +
                                        " in options.engine or $LAMA_ENGINE");
}

}  // namespace

TrtLibrary::TrtLibrary(const std::string &place) : library_(open_library(place)) {
  using Number = int32_t();
  void *first = symbol("getInferLibVersion");
  path_ = path_of(first);
  number_ = reinterpret_cast<Number *>(first)();
  version_ = dotted(number_);
  require_version();
  if (void *build = dlsym(library_, "getInferLibBuildVersion"))
    version_ += "." + std::to_string(reinterpret_cast<Number *>(build)());
}

void TrtLibrary::require_version() const {
  const std::string mine = std::string(kTrtName) + " " + dotted(NV_TENSORRT_VERSION);
  const std::string built = ", and this liblama_trt was built with the headers of " + mine;
  if (number_ / 10000 != NV_TENSORRT_MAJOR)
    throw Error(LAMA_MISSING_LIBRARY, brief(path_) + " is version " + version_ + built + ": build it again with the " +
                                          "library's own headers, or give a " + soname());
  if (!kIsRtx && number_ < kOldest)
    throw Error(LAMA_MISSING_LIBRARY, brief(path_) + " is version " + version_ + built + ": upgrade TensorRT");
}

void *TrtLibrary::symbol(const char *name) const {
  if (void *found = dlsym(library_, name)) return found;
  throw Error(LAMA_MISSING_LIBRARY, brief(path_.empty() ? soname() : path_) + " has no " + name +
                                        ", so it is not a library of " + kTrtName +
                                        ": install it again, or name another in options.engine");
}

std::unique_ptr<nvinfer1::IRuntime> TrtLibrary::make_runtime() const {
  using Make = void *(void *, int32_t);
  auto *make = reinterpret_cast<Make *>(symbol("createInferRuntime_INTERNAL"));
  std::unique_ptr<nvinfer1::IRuntime> made(static_cast<nvinfer1::IRuntime *>(make(&trt_logger(), NV_TENSORRT_VERSION)));
  if (!made) throw Error(LAMA_ENGINE_ERROR, std::string(kTrtName) + " makes no runtime: " + first_trt_error());
  return made;
}

nvinfer1::IPluginRegistry *TrtLibrary::plugins() const {
  using Get = nvinfer1::IPluginRegistry *();
  return reinterpret_cast<Get *>(symbol("getPluginRegistry"))();
}

void TrtLibrary::register_own_plugins() const {
  using Register = bool(void *, const char *);
  const std::string name = "libnvinfer_plugin.so." + std::to_string(NV_TENSORRT_MAJOR);
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

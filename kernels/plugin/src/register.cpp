// Loading this library registers SpectralConv with the TensorRT that the process has: for programs that only dlopen a
// plugin (trtexec --staticPlugins, polygraphy --plugins, ONNX Runtime's trt_extra_plugin_lib_paths).
//
// Either this or IPluginRegistry::loadLibrary, not both in one process: the second registration is refused.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>

#include "versioned_slots.h"

extern "C" void *const *getCreators(int32_t &count);  // of liblama_tensorrt_plugin.so

namespace {

constexpr const char *kTensorRtLibraries[] = {"libnvinfer.so.11", "libnvinfer.so.10", "libtensorrt_rtx.so.1"};

// Registers with the first library that is loaded already. What went wrong, or nullptr.
const char *register_creators() {
  for (const char *name : kTensorRtLibraries) {
    void *library = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    if (library == nullptr) continue;
    auto *version = reinterpret_cast<int32_t (*)()>(dlsym(library, "getInferLibVersion"));
    auto *registry_of = reinterpret_cast<void *(*)()>(dlsym(library, "getPluginRegistry"));
    if (version == nullptr || registry_of == nullptr) return "this TensorRT has no plugin registry";
    void *registry = registry_of();
    auto *add =
        lama::function_of<bool(void *, void *, const char *)>(registry, lama::slots_of(version()).register_creator);
    int32_t count = 0;
    void *const *creators = getCreators(count);
    for (int32_t i = 0; i < count; ++i) {
      if (!add(registry, creators[i], "")) return "TensorRT refused it; is it registered already?";
    }
    return nullptr;
  }
  return "no TensorRT is loaded in this process; load it first";
}

__attribute__((constructor)) void register_now() {
  const char *failure = register_creators();
  if (failure != nullptr) std::fprintf(stderr, "SpectralConv is not registered: %s\n", failure);
}

}  // namespace

#include "plugin.h"

#include <cstdlib>
#include <mutex>

#include "bundle/files.h"
#include "errors.h"
#include "places.h"
#include "trt_log.h"

namespace lama {

namespace {

constexpr const char *kFile = "liblama_tensorrt_plugin.so", *kName = "SpectralConv", *kVersion = "1";

// Of the process, which can hold one such library: to register a name twice fails, and crashes the registry's next
// user.
std::mutex loading;
std::string loaded;

bool registered(nvinfer1::IPluginRegistry &plugins) {
  const bool found = plugins.getCreator(kName, kVersion, "") != nullptr;
  if (!found) static_cast<void>(first_trt_error());  // TensorRT tells of one that is not there as an error
  return found;
}

// Its absolute name, "" for none.
std::string resolved(const std::string &place) {
  const std::string file = is_folder(place) ? place + "/" + kFile : place;
  const std::unique_ptr<char, void (*)(void *)> name(is_file(file) ? realpath(file.c_str(), nullptr) : nullptr,
                                                     std::free);
  return name ? name.get() : "";
}

std::string found(const std::string &place, const std::string &carried) {
  const std::string asked = place.empty() ? folder_of(path_of(reinterpret_cast<const void *>(&load_plugin))) : place;
  const std::string file = resolved(asked);
  if (!file.empty()) return file;
  throw Error(LAMA_MISSING_LIBRARY, "the engine needs the plugin " + std::string(kName) + ", and " + brief(asked) +
                                        " has no " + kFile +
                                        (carried.empty() ? "" : " (the bundle has it for " + brief(carried) + ")") +
                                        ": name the library, or its folder, in options.plugin or " +
                                        "$LAMA_TENSORRT_PLUGIN, or export with --spectral inline");
}

void load(nvinfer1::IPluginRegistry &plugins, const std::string &file, const Log &log) {
  log.info(brief(file) + " is loaded, and its code executed: the plugin of an engine");
  if (!plugins.loadLibrary(file.c_str()))
    throw Error(LAMA_ENGINE_ERROR, brief(file) + ": not a TensorRT plugin library that this machine can load (" +
                                       first_trt_error() + "); build it again here");
  if (!registered(plugins))
    throw Error(LAMA_ENGINE_ERROR, brief(file) + ": no plugin " + kName + ", version " + kVersion +
                                       ", in the empty namespace in it; give the library that lama-export built");
  loaded = file;
}

}  // namespace

void load_plugin(const TrtLibrary &library, const lama_trt_options &options, const Log &log) {
  const std::string place = options.plugin;
  const std::lock_guard<std::mutex> lock(loading);
  nvinfer1::IPluginRegistry *plugins = library.plugins();
  if (!plugins) throw Error(LAMA_ENGINE_ERROR, "TensorRT has no plugin registry: " + first_trt_error());
  if (!registered(*plugins)) return load(*plugins, found(place, options.carried), log);
  if (loaded.empty())
    log.info("a plugin SpectralConv was registered in this process already, and is taken");
  else if (!place.empty() && resolved(place) != loaded && !options.plugin_named)
    log.info(brief(place) + " is not loaded: " + brief(loaded) + " is there already, and serves");
  else if (!place.empty() && resolved(place) != loaded)
    throw Error(LAMA_ENGINE_ERROR, brief(place) + ": this process has loaded another plugin already (" + brief(loaded) +
                                       "); give that one, or none");
}

}  // namespace lama

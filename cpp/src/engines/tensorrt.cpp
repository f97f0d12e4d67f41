#include "engines/tensorrt.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>

#include "bundle/files.h"
#include "engines/library.h"
#include "engines/trt_api.h"

namespace lama {

namespace {

constexpr const char *PLUGIN = "liblama_tensorrt_plugin.so";

std::string variable(const char *name) {
  const char *value = secure_getenv(name);  // nobody else chooses what a privileged program loads
  return value ? value : "";
}

// What holds TensorRT's part, and what TensorRT's own library is called.
LibraryKind kind_of(bool rtx) {
  const std::string name = rtx ? "liblama_trt_rtx.so" : "liblama_trt.so", engine = rtx ? "TensorRT-RTX" : "TensorRT";
  return {"liblama for " + engine,
          name,
          {name},
          {},
          "build it where " + engine + "'s headers are: cmake -S cpp -B build -D" +
              (rtx ? "TRTRTX_INSTALL_DIR" : "TensorRT_ROOT") +
              "=<its folder> && cmake --build build --target lama_trt, and " + "put " + name +
              " beside liblama.so, or name it in LAMA_TRT"};
}

LibraryKind own_kind_of(bool rtx) {
  LibraryKind kind;
  kind.stem = rtx ? "libtensorrt_rtx.so" : "libnvinfer.so";
  return kind;
}

// Whether a folder that the caller names holds a library of this kind, itself or in its lib.
bool holds(const std::string &folder, const LibraryKind &kind) {
  return !libraries_in(kind, folder).empty() || !libraries_in(kind, folder + "/lib").empty();
}

Library open_part(const LibraryKind &kind, const std::string &engine) {
  return Library::open(kind, !engine.empty() && holds(engine, kind) ? engine : variable("LAMA_TRT"));
}

// Where TensorRT's own library is looked for: the caller's folder may be that of liblama_trt, and of it alone.
std::string place_of_own(const std::string &engine, const LibraryKind &kind, bool rtx) {
  return !engine.empty() && holds(engine, kind) && !holds(engine, own_kind_of(rtx)) ? "" : engine;
}

// As in the names of libraries in bundles, and as Python has it.
std::string this_platform() {
  utsname system{};
  return uname(&system) == 0 ? std::string("linux-") + system.machine : "";
}

// The library that computes SpectralConv: a file or a folder, "" for the one beside liblama_trt.
struct Plugin {
  std::string place;
  bool named = false;   // by somebody
  std::string carried;  // platforms that the bundle has it for, where this is none of them
};

// The bundle's own for this platform, checked since it is executed; "" where it has none, or one for Python alone.
std::string carried_plugin(const Bundle &bundle) {
  const std::string name = "plugin-" + this_platform() + ".so";
  const EngineRecord &engine = bundle.engine;
  const bool is_first = engine.plugin_file == name;
  if (!bundle.file(name) || (is_first && engine.plugin_in_python)) return "";
  check_file(bundle, name);
  if (is_first && bundle.file(name)->sha256 != engine.plugin_sha256)
    throw Error(LAMA_BAD_BUNDLE, brief(bundle.path(name)) +
                                     ": is another library than the engine was built with; export the bundle again");
  return bundle.path(name);
}

std::string platforms_of(const Bundle &bundle) {
  std::string words;
  for (const BundleFile &file : bundle.files) {
    const std::string platform = platform_of_plugin(file.name);
    if (!platform.empty()) words += (words.empty() ? "" : ", ") + platform;
  }
  return words;
}

// In the order of `chosen_plugin` of Python: what somebody named, the bundle's own, this installation's.
Plugin plugin_for(const Bundle &bundle, const EngineOptions &options) {
  if (!bundle.engine.plugin) return {};
  if (!options.plugin.empty()) return {options.plugin, true, ""};
  const std::string named = variable("LAMA_TENSORRT_PLUGIN");
  if (!named.empty()) return {named, true, ""};
  const std::string carried = carried_plugin(bundle);
  if (!carried.empty()) return {carried, false, ""};
  const bool beside = !options.engine.empty() && is_file(options.engine + "/" + PLUGIN);
  const std::string elsewhere = bundle.engine.plugin_in_python ? "" : platforms_of(bundle);
  return {beside ? options.engine : "", false, elsewhere};
}

// Compute capabilities that run the engine, as `needed_capability` of Python.
std::string needed_capability(const Bundle &bundle) {
  const EngineRecord &engine = bundle.engine;
  if (bundle.target != "trt-rtx") return engine.hardware == "ampere+" ? "8.0 or newer" : engine.capability;
  std::string words;
  for (const std::string &one : engine.capabilities) words += (words.empty() ? "" : " or ") + one;
  return words.empty() ? "8.0 or newer" : words;
}

const lama_trt_table &table_of(const Library &part, const LibraryKind &kind) {
  lama_trt_functions_type *functions = nullptr;
  part.require(LAMA_TRT_TABLE_NAME, functions);
  if (const lama_trt_table *table = functions(LAMA_TRT_TABLE_VERSION)) return *table;
  throw Error(LAMA_MISSING_LIBRARY, brief(part.path()) + ": is of another version than this liblama; " + kind.remedy);
}

lama_trt_shape plain(const Shape &shape) {
  return {shape[0], shape[1], shape[2]};
}

Shape shape_of(const lama_trt_shape &shape) {
  return {shape.count, shape.height, shape.width};
}

void require(lama_status status, const lama_error &error) {
  if (status != LAMA_OK) throw Error(status, error.message);
}

class TensorRtBackend : public Backend {
 public:
  TensorRtBackend(const Bundle &bundle, const EngineOptions &options)
      : rtx_(bundle.target == "trt-rtx"),
        kind_(kind_of(rtx_)),
        part_(open_part(kind_, options.engine)),
        table_(table_of(part_, kind_)) {
    const int streams = std::max(1, options.streams);
    open(bundle, options, streams);
    lama_trt_info info{};
    table_.describe(engine_.get(), &info);
    version_ = info.version, library_ = info.library;
    for (int32_t i = 0; i < info.profile_count; ++i) {
      const lama_trt_profile &profile = info.profiles[i];
      capabilities_.shapes.push_back({shape_of(profile.least), shape_of(profile.best), shape_of(profile.largest)});
    }
    capabilities_.workers = streams + 1;  // one reads or writes pictures while the others wait for theirs
    capabilities_.on_device = true;
  }

  const Capabilities &capabilities() const override { return capabilities_; }
  std::string name() const override { return "tensorrt"; }
  std::string version() const override { return version_; }
  std::string library() const override { return library_; }

  void run(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) override {
    lama_error error;
    const lama_trt_shape given = plain(shape);
    require(table_.run(engine_.get(), &given, images, masks, results, &error), error);
  }

  void run_on_device(const Shape &shape, const void *images, const void *masks, void *results, void *stream) override {
    lama_error error;
    const lama_trt_shape given = plain(shape);
    require(table_.run_on_device(engine_.get(), &given, images, masks, results, stream, &error), error);
  }

 private:
  struct Closing {
    const lama_trt_table *table;
    void operator()(lama_trt_engine *engine) const { table->close(engine); }
  };

  void open(const Bundle &bundle, const EngineOptions &options, int streams) {
    const std::string model = bundle.model(), library = place_of_own(options.engine, kind_, rtx_);
    const std::string capability = needed_capability(bundle);
    const Plugin plugin = plugin_for(bundle, options);
    const lama_trt_options plain = {model.c_str(),
                                    bundle.engine.version.c_str(),
                                    bundle.engine.version_compatible && !rtx_,
                                    bundle.engine.gpus.c_str(),
                                    capability.c_str(),
                                    bundle.engine.hardware == "none" && !rtx_,
                                    library.c_str(),
                                    plugin.place.c_str(),
                                    plugin.named,
                                    plugin.carried.c_str(),
                                    bundle.engine.plugin,
                                    bundle.engine.dft,
                                    rtx_,
                                    streams,
                                    options.device,
                                    options.graphs,
                                    options.log.function,
                                    options.log.user};
    lama_error error;
    lama_trt_engine *engine = nullptr;
    require(table_.open(&plain, &engine, &error), error);
    engine_ = {engine, Closing{&table_}};
  }

  const bool rtx_;
  const LibraryKind kind_;
  const Library part_;
  const lama_trt_table &table_;
  std::unique_ptr<lama_trt_engine, Closing> engine_{nullptr, Closing{nullptr}};
  std::string version_, library_;
  Capabilities capabilities_;
};

}  // namespace

std::unique_ptr<Backend> open_tensorrt(const Bundle &bundle, const EngineOptions &options) {
  if (bundle.engine.version.empty())
    throw Error(LAMA_BAD_BUNDLE, brief(bundle.folder) + ": bundle.json describes no engine; " + REMEDY);
  if (bundle.engine.stripped)
    throw Error(LAMA_ENGINE_ERROR, brief(bundle.model()) + ": holds no weights yet; lama-refit " +
                                       brief(bundle.folder) + " --weights WEIGHTS makes a bundle that does");
  return std::make_unique<TensorRtBackend>(bundle, options);
}

}  // namespace lama

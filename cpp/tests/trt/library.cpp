// TensorRT's bundles through the C ABI of liblama, which finds liblama_trt.
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "bench_of_trt.h"
#include "bundle/sha256.h"
#include "lama/inpainter.h"
#include "on_device.h"

using bench::OnDevice;
using bench::Pictures;

namespace {

const lama_trt_shape kShape = {1, 24, 40};

std::string content_of(const std::string &file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string sha256_of_text(const std::string &text) {
  lama::Sha256 digest;
  digest.update(text.data(), text.size());
  return digest.hex();
}

// A bundle in a folder of its own. engine: what bundle.json says of it. plugin: the name in it of a library with
// SpectralConv.
struct Bundle {
  explicit Bundle(const std::string &engine, const std::string &target = "trt", const std::string &plugin = "") {
    std::string name = "/tmp/lama-bundle-XXXXXX";
    folder = mkdtemp(name.data());
    const std::string plan = "fake engine\n" + bench::kTwoProfiles;
    std::ofstream(folder + "/model.engine") << plan;
    const std::string library = content_of(LAMA_FAKES "/second/liblama_tensorrt_plugin.so");
    carried = plugin.empty() ? "" : folder + "/" + plugin;
    if (!plugin.empty()) std::ofstream(carried, std::ios::binary) << library;
    const std::string more = plugin.empty() ? ""
                                            : ", \"" + plugin + "\": {\"bytes\": " + std::to_string(library.size()) +
                                                  ", \"sha256\": \"" + sha256_of_text(library) + "\"}";
    const std::string sides = R"({"min": [8, 8], "opt": [64, 64], "max": [128, 128]})";
    std::ofstream(folder + "/bundle.json")
        << R"({"format": 1, "variant": null, "generator": {"kind": "regular"}, "weights": {"source": "x", "sha256": ")"
        << std::string(64, '0') << R"("}, "target": ")" << target
        << R"(", "precision": "fp16", "spectral": "inline", "io": "uint8", "files": {"model.engine": {"bytes": )"
        << plan.size() << R"(, "sha256": ")" << std::string(64, '0') << "\"}" << more
        << R"(}, "inputs": {}, "outputs": {}, "tools": {}, "parity": {}, "created": "", "engine": {)" << engine
        << R"(, "batch": {"min": 1, "opt": 1, "max": 2}, "profiles": [)" << sides << "]}}";
  }
  ~Bundle() {
    unlink((folder + "/model.engine").c_str());
    unlink((folder + "/bundle.json").c_str());
    if (!carried.empty()) unlink(carried.c_str());
    rmdir(folder.c_str());
  }
  std::string folder, carried;
};

std::string version_of_fake() {
  return R"("version": ")" + bench::version() + R"(.7")";
}

struct Inpainter {
  explicit Inpainter(const Bundle &bundle, const char *engine = LAMA_FAKES "/good", const char *plugin = nullptr) {
    lama_options options;
    lama_options_init(&options, sizeof options);
    options.strategy = LAMA_WHOLE;
    options.check = 0;
    options.engine = engine;
    options.plugin = plugin;
    status = lama_load(bundle.folder.c_str(), &options, &handle, &error);
  }
  ~Inpainter() { lama_free(handle); }

  lama_inpainter *handle = nullptr;
  lama_status status;
  lama_error error{};
};

void hosts_pictures(const Inpainter &inpainter) {
  Pictures pictures(kShape, 3);
  std::vector<uint8_t> results(pictures.images.size());
  const lama_image image = {pictures.images.data(), kShape.width, kShape.height, 3 * kShape.width, LAMA_RGB};
  const lama_image mask = {pictures.masks.data(), kShape.width, kShape.height, kShape.width, LAMA_GREY};
  const lama_image output = {results.data(), kShape.width, kShape.height, 3 * kShape.width, LAMA_RGB};
  lama_error error{};
  const lama_status status = lama_inpaint(inpainter.handle, &image, &mask, &output, nullptr, &error);
  bench::check(status == LAMA_OK && results == pictures.expected, "lama_inpaint", error.message);
}

void devices_pictures(const Inpainter &inpainter) {
  const bench::InContext context;
  const Pictures pictures(kShape, 4);
  const OnDevice images(pictures.images, 0), masks(pictures.masks, 0), results(pictures.images.size(), 0);
  const lama_device_images given = {images.pointer(), masks.pointer(), results.pointer(), 1,
                                    kShape.height,    kShape.width};
  lama_error error{};
  const lama_status status = lama_inpaint_on_device(inpainter.handle, &given, nullptr, &error);
  cuStreamSynchronize(nullptr);
  bench::check(status == LAMA_OK && results.bytes() == pictures.expected, "lama_inpaint_on_device", error.message);
}

void what_is_open(const Inpainter &inpainter) {
  lama_info info;
  lama_info_init(&info, sizeof info);
  CHECK(lama_describe(inpainter.handle, &info, nullptr) == LAMA_OK);
  CHECK(!std::strcmp(info.engine, "tensorrt") && info.version == bench::version() + ".7" && info.workers == 2);
  CHECK(std::strstr(info.library, "good/libnvinfer.so"));
}

void expect(const Inpainter &inpainter, lama_status status, const std::string &words) {
  const std::string line = inpainter.error.message;
  bench::check(inpainter.status == status && line.find(words) != std::string::npos, words.c_str(), line);
}

void all_of_it() {
  const Bundle bundle(version_of_fake());
  const Inpainter inpainter(bundle);
  bench::check(inpainter.status == LAMA_OK, "lama_load", inpainter.error.message);
  if (!inpainter.handle) return;
  hosts_pictures(inpainter);
  devices_pictures(inpainter);
  what_is_open(inpainter);
}

void places() {
  const Bundle bundle(version_of_fake());
  setenv("LAMA_TRT", "/nowhere/liblama_trt.so", 1);
  expect(Inpainter(bundle), LAMA_MISSING_LIBRARY,
         "--target lama_trt, and put liblama_trt.so beside liblama.so, or name");
  setenv("LAMA_TRT", LAMA_FAKES "/stale", 1);
  expect(Inpainter(bundle), LAMA_MISSING_LIBRARY,
         "stale/liblama_trt.so: is of another version than this liblama; build");
  expect(Inpainter(bundle, LAMA_FAKES "/stale"), LAMA_MISSING_LIBRARY, "of another version");  // before the variable
  setenv("LAMA_TRT", LAMA_FAKES "/plugin/liblama_tensorrt_plugin.so", 1);
  expect(Inpainter(bundle), LAMA_MISSING_LIBRARY, "lacks lama_trt_functions");
  setenv("LAMA_TRT", LAMA_TRT_FILE, 1);
  setenv("LAMA_ENGINE", LAMA_FAKES "/good", 1);
  const std::string folder = std::string(LAMA_TRT_FILE).substr(0, std::string(LAMA_TRT_FILE).rfind('/'));
  expect(Inpainter(bundle, folder.c_str()), LAMA_OK, "");  // the folder of liblama_trt, and TensorRT's is elsewhere
  expect(Inpainter(bundle, nullptr), LAMA_OK, "");
  unsetenv("LAMA_ENGINE");
  expect(Inpainter(Bundle(version_of_fake(), "trt-rtx")), LAMA_MISSING_LIBRARY, "an engine of TensorRT-RTX, and this");
  unsetenv("LAMA_TRT");
  expect(Inpainter(bundle), LAMA_OK, "");  // beside liblama
  expect(Inpainter(Bundle(version_of_fake(), "trt-rtx")), LAMA_MISSING_LIBRARY, "-DTRTRTX_INSTALL_DIR=<its folder>");
}

// Of an engine that was built with the library of that name. kind: "compiled" or "python".
std::string built_with(const std::string &file, const std::string &kind = "compiled", std::string sha256 = "") {
  if (sha256.empty()) sha256 = sha256_of_text(content_of(LAMA_FAKES "/second/liblama_tensorrt_plugin.so"));
  return version_of_fake() + R"(, "plugin": {"name": "x", "sha256": ")" + sha256 + R"(", "kind": ")" + kind +
         R"(", "file": ")" + file + "\"}";
}

// The library in a bundle is executed: what is not as it was exported is not loaded, though nothing else is hashed
// here.
void plugins_in_bundles() {
  utsname system{};
  uname(&system);
  const std::string ours = std::string("plugin-linux-") + system.machine + ".so", other = "plugin-linux-other.so";
  expect(Inpainter(Bundle(built_with("../plugin-x.so"), "trt", ours)), LAMA_BAD_BUNDLE, "must be a plain name plugin-");
  expect(Inpainter(Bundle(built_with(other), "trt", other)), LAMA_MISSING_LIBRARY,
         "(the bundle has it for linux-other)");
  expect(Inpainter(Bundle(built_with(ours, "python"), "trt", ours)), LAMA_MISSING_LIBRARY, "needs the plugin");
  expect(Inpainter(Bundle(built_with(ours, "compiled", std::string(64, '1')), "trt", ours)), LAMA_BAD_BUNDLE,
         "is another library than the engine was built with");
  const Bundle changed(built_with(ours), "trt", ours);
  std::fstream(changed.carried, std::ios::in | std::ios::out | std::ios::binary) << "?";
  expect(Inpainter(changed), LAMA_BAD_BUNDLE, ours + ": has the SHA-256 ");
  const Bundle good(built_with(other), "trt", ours);  // built elsewhere, and somebody put ours beside
  expect(Inpainter(good), LAMA_BAD_BUNDLE, other + " is not among its files");
  const Bundle whole(built_with(ours), "trt", ours);
  expect(Inpainter(whole), LAMA_OK, "");
  expect(Inpainter(whole, LAMA_FAKES "/good", LAMA_FAKES "/plugin"), LAMA_ENGINE_ERROR,
         "has loaded another plugin already (" + whole.carried);
}

void gpus() {
  const std::string h200 = R"(, "gpu": {"name": "Fake H200", "compute_capability": ")";
  expect(Inpainter(Bundle(version_of_fake() + h200 + R"(8.9"})")), LAMA_ENGINE_ERROR,
         "built on Fake H200 for compute capability 8.9, and this is Fake 9.0, of 9.0");
  expect(Inpainter(Bundle(version_of_fake() + h200 + R"(8.9"}, "hardware_compatibility": "ampere+")")), LAMA_OK, "");
  expect(Inpainter(Bundle(version_of_fake() + h200 + R"(8.9"}, "hardware_compatibility": "same-cc")")),
         LAMA_ENGINE_ERROR, "for compute capability 8.9");
  expect(Inpainter(Bundle(version_of_fake() + h200 + R"(9.0"}, "version_compatible": false)")), LAMA_OK, "");
  expect(Inpainter(Bundle(version_of_fake() + R"(, "stripped": true)")), LAMA_ENGINE_ERROR,
         "holds no weights yet; lama-refit ");
}

void plugins() {
  const Bundle bundle(version_of_fake() + R"(, "plugin": {"name": "x", "sha256": "y", "kind": "compiled"})");
  expect(Inpainter(bundle), LAMA_MISSING_LIBRARY, "the engine needs the plugin SpectralConv");
  setenv("LAMA_TENSORRT_PLUGIN", LAMA_FAKES "/another", 1);
  expect(Inpainter(bundle), LAMA_ENGINE_ERROR, "another/liblama_tensorrt_plugin.so: no plugin SpectralConv");
  unsetenv("LAMA_TENSORRT_PLUGIN");
  plugins_in_bundles();
  expect(Inpainter(bundle), LAMA_OK, "");  // by the one that is there
  expect(Inpainter(Bundle(version_of_fake() + R"(, "spectral": "dft")")), LAMA_MISSING_LIBRARY,
         "libnvinfer_plugin.so.");
  expect(Inpainter(Bundle(version_of_fake() + R"(, "plugin": null, "spectral": "inline")")), LAMA_OK, "");
}

}  // namespace

int main() {
  setenv("LAMA_TRT", LAMA_TRT_FILE, 1);
  all_of_it();
  places();
  plugins();
  gpus();
  expect(Inpainter(Bundle(R"("version": "9.1")")), LAMA_ENGINE_ERROR,
         "built by TensorRT 9.1, which is the only version");
  return bench::finish();
}

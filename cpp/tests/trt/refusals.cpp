// What is refused, and the line that it is refused with.
#include "bench_of_trt.h"
#include "on_device.h"

using bench::Engine;
using bench::OnDevice;
using bench::Options;
using bench::Pictures;

namespace {

void expect(const Options &options, lama_status status, const std::string &words) {
  const Engine engine(options);
  const std::string line = engine.error.message;
  bench::check(engine.status == status, "the status is right", std::to_string(engine.status) + " " + line);
  bench::check(line.find(words) != std::string::npos, words.c_str(), line);
  bench::check(line.find('\n') == std::string::npos, "one line", line);
}

Options with(std::string Options::*field, const std::string &value) {
  Options options;
  options.*field = value;
  return options;
}

Options engine_of(const std::string &lines) {
  return with(&Options::model, bench::plan(lines));
}

void libraries() {
  expect(with(&Options::library, LAMA_FAKES "/other"), LAMA_MISSING_LIBRARY,
         ": is version " + std::to_string(LAMA_TRT_MAJOR + 1) +
             ".1.0, and this liblama_trt was built with the headers of");
  expect(with(&Options::library, LAMA_FAKES "/other"), LAMA_MISSING_LIBRARY,
         ": build it again with the library's own headers, or give a libnvinfer.so." + std::to_string(LAMA_TRT_MAJOR));
  expect(with(&Options::library, LAMA_FAKES "/lacking"), LAMA_MISSING_LIBRARY, "lacks createInferRuntime_INTERNAL");
  expect(with(&Options::library, LAMA_FAKES "/plugin"), LAMA_MISSING_LIBRARY,
         "is a folder without TensorRT's library (libnvinfer.so.");
  expect(with(&Options::library, LAMA_FAKES "/libcuda.so.1"), LAMA_MISSING_LIBRARY, "lacks getInferLibVersion");
  expect(with(&Options::version, "10.0.99.1"), LAMA_ENGINE_ERROR,
         "built by TensorRT 10.0.99.1, which is the only version");
  expect(with(&Options::version, bench::version() + ".8"), LAMA_ENGINE_ERROR, "and this is " + bench::version() + ".7");
  expect(with(&Options::version, bench::version()), LAMA_OK, "");
  expect(with(&Options::version, bench::version() + "1"), LAMA_ENGINE_ERROR, "export again, or install TensorRT");
  Options rtx;
  rtx.rtx = true;
  expect(rtx, LAMA_MISSING_LIBRARY, "an engine of TensorRT-RTX, and this liblama_trt was built with the headers of");
}

void engines() {
  expect(with(&Options::model, "/nowhere/model.engine"), LAMA_BAD_BUNDLE, "cannot be read (No such file or directory)");
  expect(with(&Options::model, "/tmp"), LAMA_BAD_BUNDLE, "cannot be read");
  expect(engine_of("name image\nname mask\n" + bench::kTwoProfiles), LAMA_BAD_BUNDLE, "not a LaMa engine");
  expect(engine_of("name image\nname mask\nname\xff\n" + bench::kTwoProfiles), LAMA_BAD_BUNDLE, "not a LaMa engine");
  expect(engine_of(""), LAMA_BAD_BUNDLE, "has no profile");
  expect(engine_of("profile 1 8 8 1 9 9 1 4 4"), LAMA_BAD_BUNDLE, "profile 0 is none of masks");
  expect(engine_of("profile 1 -8 8 1 9 9 1 4 4"), LAMA_BAD_BUNDLE, "profile 0 is none of masks");
  fake::fail_at(0);
  const std::string file = bench::plan("");
  if (FILE *broken = std::fopen(file.c_str(), "w")) std::fputs("something else", broken), std::fclose(broken);
  expect(with(&Options::model, file), LAMA_ENGINE_ERROR,
         "refuses it (The engine plan file was built on another GPU); it runs on the GPUs that it was built for (a GPU "
         "of");
}

void plugins() {
  Options options;
  options.needs_plugin = true;
  expect(options, LAMA_MISSING_LIBRARY, "has no liblama_tensorrt_plugin.so: name the library, or its folder, in");
  options.carried = "linux-other, linux-third";
  expect(options, LAMA_MISSING_LIBRARY,
         "has no liblama_tensorrt_plugin.so (the bundle has it for linux-other, linux-third): name the library");
  options.plugin = "/nowhere";
  expect(options, LAMA_MISSING_LIBRARY, "the engine needs the plugin SpectralConv, and /nowhere has no");
  options.plugin = LAMA_FAKES "/libcuda.so.1";
  expect(options, LAMA_ENGINE_ERROR,
         "not a TensorRT plugin library that this machine can load (Cannot load the plugin");
  options.plugin = LAMA_FAKES "/another";
  expect(options, LAMA_ENGINE_ERROR, "no plugin SpectralConv, version 1, in the empty namespace in it");
  options.plugin = LAMA_FAKES "/plugin";
  expect(options, LAMA_OK, "");
  expect(options, LAMA_OK, "");
  options.plugin = LAMA_FAKES "/plugin/liblama_tensorrt_plugin.so";
  expect(options, LAMA_OK, "");
  options.plugin = "";
  expect(options, LAMA_OK, "");
  options.plugin = LAMA_FAKES "/second";
  expect(options, LAMA_ENGINE_ERROR, "this process has loaded another plugin already");
}

// Any that the process has serves an engine whose own nobody named.
void plugins_of_bundles() {
  std::vector<std::string> told;
  Options options;
  options.needs_plugin = true, options.told = &told, options.plugin_named = false;
  options.plugin = LAMA_FAKES "/second";
  expect(options, LAMA_OK, "");
  CHECK(!told.empty() && told[0].find("/second is not loaded: ") != std::string::npos &&
        told[0].find("/plugin/liblama_tensorrt_plugin.so is there already, and serves") != std::string::npos);
}

std::string version_with(int minor) {
  return std::to_string(LAMA_TRT_MAJOR) + "." + std::to_string(minor) + ".0";
}

void versions() {
  Options options = engine_of("hostcode\n" + bench::kTwoProfiles);
  expect(options, LAMA_ENGINE_ERROR, "refuses it (Attempting to deserialize an engine with host code)");
  options.version_compatible = true;
  expect(options, LAMA_OK, "");
  options.version = std::to_string(LAMA_TRT_MAJOR) + ".0.0";  // at most as new as any library of the major version
  expect(options, LAMA_OK, "");
  options.version = version_with(99);
  expect(options, LAMA_ENGINE_ERROR, ", and run by it and by later versions of its major one, and this is");
  options.version = std::to_string(LAMA_TRT_MAJOR - 1) + ".0.0";
  expect(options, LAMA_ENGINE_ERROR, ".0.0, and run by it and by later versions");
}

void gpus() {
  expect(with(&Options::capability, "8.9"), LAMA_ENGINE_ERROR,
         "built on a GPU of the test's for compute capability 8.9, and this is Fake 9.0, of 9.0: export on it, or use");
  expect(with(&Options::capability, "9.0"), LAMA_OK, "");
  expect(with(&Options::capability, "8.6 or 9.0"), LAMA_OK, "");
  expect(with(&Options::capability, "8.6 or 19.0"), LAMA_ENGINE_ERROR, "for compute capability 8.6 or 19.0");
  expect(with(&Options::capability, "8.0 or newer"), LAMA_OK, "");
  expect(with(&Options::capability, "9.1 or newer"), LAMA_ENGINE_ERROR, "9.1 or newer, and this is Fake 9.0");
  Options second = with(&Options::capability, "9.1 or newer");
  second.device = 1;
  expect(second, LAMA_OK, "");
}

void another_model_is_told() {
  for (const char *made_for : {"Fake 9.0", "Fake H200", ""}) {
    std::vector<std::string> told;
    Options options = with(&Options::made_for, made_for);
    options.timed = true, options.told = &told;
    expect(options, LAMA_OK, "");
    const bool other = std::string(made_for) == "Fake H200";
    CHECK(told.size() == (other ? 2 : 1));
    CHECK(!other || told[0].find("its kernels were chosen on Fake H200, and this is Fake 9.0") != std::string::npos);
  }
}

void devices() {
  Options options;
  options.device = 2;
  expect(options, LAMA_INVALID_ARGUMENT, "device 2 is not there; this machine has 2 of them");
}

void warnings_are_told() {
  std::vector<std::string> told;
  Options options;
  options.told = &told;
  const Engine engine(options);
  CHECK(told.size() == 1 && told[0] == "warning: TensorRT: a warning of the fake");
}

void shapes() {
  const Engine engine;
  lama_error error{};
  CHECK(!bench::run(engine, Pictures({1, 4, 8}, 1), &error));
  CHECK(error.status == LAMA_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("8x8 to 64x64 (batch of 2), 8x8 to 128x128, not 1 of 4x8; ") !=
        std::string::npos);
  CHECK(!bench::run(engine, Pictures({2, 64, 65}, 1)));
}

lama_error on_device(const Engine &engine, const void *images, const void *masks, void *results, void *stream) {
  const lama_trt_shape shape = {1, 16, 16};
  lama_error error{};
  bench::table().run_on_device(engine.engine, &shape, images, masks, results, stream, &error);
  return error;
}

void devices_pictures() {
  const bench::InContext context;
  Options options;
  const Engine engine(options);
  OnDevice images(768, 0), masks(256, 0), results(768, 0);
  std::vector<uint8_t> host(768);
  const auto says = [](const lama_error &error, const char *words) {
    return error.status == LAMA_INVALID_ARGUMENT && std::string(error.message).find(words) != std::string::npos;
  };
  CHECK(says(on_device(engine, host.data(), masks.pointer(), results.pointer(), nullptr),
             "the images do not lie in the"));
  CHECK(says(on_device(engine, images.pointer(), host.data(), results.pointer(), nullptr),
             "the masks do not lie in the"));
  CHECK(says(on_device(engine, images.pointer(), masks.pointer(), nullptr, nullptr), "the results do not lie in the"));
  {
    const bench::InContext other(1);
    OnDevice elsewhere(768, 0);
    CHECK(says(on_device(engine, elsewhere.pointer(), masks.pointer(), results.pointer(), nullptr), "memory of GPU 0"));
  }
  lama::cuda::Stream stream = nullptr;
  cuStreamCreate(&stream, lama::cuda::kNonBlocking);
  cuStreamBeginCapture_v2(stream, lama::cuda::kThreadLocal);
  CHECK(says(on_device(engine, images.pointer(), masks.pointer(), results.pointer(), stream), "is being captured"));
  lama::cuda::GraphHandle graph = nullptr;
  cuStreamEndCapture(stream, &graph);
  cuGraphDestroy(graph);
  cuStreamDestroy_v2(stream);
  options.model = bench::plan("float\n" + bench::kTwoProfiles);
  const Engine floats(options);
  CHECK(says(on_device(floats, images.pointer(), masks.pointer(), results.pointer(), nullptr), "takes floats"));
}

void no_gpu() {
  fake::fail_at(1);
  const Engine engine;  // the first of the process: cuInit fails
  CHECK(engine.status == LAMA_ENGINE_ERROR);
  CHECK(std::string(engine.error.message) ==
        "an engine needs an NVIDIA GPU, and there is none here (no CUDA-capable device is detected); the model.onnx of "
        "its "
        "bundle runs in ONNX Runtime");
  fake::fail_at(0);
}

}  // namespace

int main() {
  no_gpu();
  libraries();
  engines();
  plugins();
  plugins_of_bundles();
  versions();
  gpus();
  another_model_is_told();
  devices();
  warnings_are_told();
  shapes();
  devices_pictures();
  return bench::finish();
}

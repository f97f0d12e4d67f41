// Every call of an engine's fails once: an error of the right kind, one line, and nothing leaks (which a build with
// LAMA_SANITIZE=address sees). The argument: the folder of the fakes.
#include <algorithm>
#include <cstdlib>

#include "fake_engines.h"
#include "onnxruntime_abi.h"
#include "openvino_abi.h"

using namespace lama;
using namespace lama::test;

namespace {

// Opens, runs and fixes to a shape, while `function` fails. may_pass: as one that gives things back, or that is done
// without.
void check_failure(const Engine &engine, const std::string &function, bool may_pass) {
  setenv("LAMA_FAKE_FAIL", function.c_str(), 1);
  bool failed = false;
  try {
    const auto backend = open(engine);
    run(*backend);
    if (backend->capabilities().fixed_from) run(*backend->fixed(SHAPE));
  } catch (const Error &error) {
    failed = true;
    const std::string line = error.what();
    check(line.find('\n') == std::string::npos && (may_pass || line.find(function + " refuses") != std::string::npos),
          line);
    const auto status = error.status;
    check(status == LAMA_BAD_BUNDLE || status == LAMA_ENGINE_ERROR || status == LAMA_MISSING_LIBRARY, line);
  }
  unsetenv("LAMA_FAKE_FAIL");
  check(failed || may_pass, function + " failed, and nobody said so");
}

void test_every_call(const std::string &fakes) {
  const auto is_one_of = [](const std::string &name, std::initializer_list<const char *> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
#define FAIL(number, name, ...)  \
  check_failure(                 \
      onnxruntime(fakes), #name, \
      std::string(#name).rfind("Release", 0) == 0 || is_one_of(#name, {"GetErrorMessage", "AllocatorFree"}));
  LAMA_ORT_SLOTS(FAIL)
#undef FAIL
#define FAIL(name, ...)                                                                                             \
  check_failure(openvino(fakes), #name,                                                                             \
                std::string(#name).find("free") != std::string::npos || std::string(#name).rfind("get_", 0) == 0 || \
                    is_one_of(#name, {"core_get_property", "core_create", "port_get_any_name"}));
  LAMA_OV_FUNCTIONS(FAIL)
#undef FAIL
}

void test_results(const std::string &fakes) {
  const Values expected = run(*open(onnxruntime(fakes)));
  check(expected != images() && expected[0] == 0 && expected[30] == 255 - 27, "what a fake computes");
  check(run(*open(onnxruntime(fakes, "io=float"))) == expected, "ONNX Runtime, floats");
  for (const char *io : {"uint8", "float"}) {
    const auto backend = open(openvino(fakes, xml_with(io)));
    check(backend->capabilities().workers == 3 && backend->capabilities().fixed_from, "what OpenVINO can");
    check(run(*backend) == expected, std::string("OpenVINO, ") + io);
    const auto fixed = backend->fixed(SHAPE);
    check(run(*fixed) == expected && fixed->capabilities().part_for({1, 9, 9}) == SHAPE, "OpenVINO, fixed");
  }
}

void test_wrong_models(const std::string &fakes) {
  const auto opened = [](const Engine &engine) { return [=] { open(engine); }; };
  check_error(LAMA_BAD_BUNDLE, "not a LaMa model of lama-export (it has image: uint8 of 4 dimensions, mask: uint8 of 3",
              opened(onnxruntime(fakes, "no metadata")));
  check_error(LAMA_BAD_BUNDLE, "int8 by its metadata, and bundle.json says fp32",
              opened(onnxruntime(fakes, "precision=int8")));
  check_error(LAMA_BAD_BUNDLE, "says that its interface is uint8, which is image",
              opened(onnxruntime(fakes, "names=other")));
  check_error(LAMA_BAD_BUNDLE, "says that its interface is uint8",
              opened(openvino(fakes, xml_with("uint8", "names=other"))));
  check_error(LAMA_BAD_BUNDLE, "not a LaMa model of lama-export", opened(openvino(fakes, "<net></net>")));
  for (const char *damaged : {"", "text", "<net>", "<net></nut>", "<net", "</net>", "<a b=\"></a>", "<>", "</>", "<a/",
                              "<a><//></a>", "<!--"})
    check_error(LAMA_BAD_BUNDLE, "damaged (no XML at byte", opened(openvino(fakes, damaged)));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  check_error(LAMA_BAD_BUNDLE, "damaged", opened(openvino(fakes, deep)));
}

void test_wrong_results(const std::string &fakes) {
  const auto ran = [](const Engine &engine) { return [=] { run(*open(engine)); }; };
  check_error(LAMA_ENGINE_ERROR, "the model gave a result of shape (2, 3, 5, 4) for pictures of (2, 3, 5, 3)",
              ran(onnxruntime(fakes, "result=other")));
  check_error(LAMA_ENGINE_ERROR, "NaN or infinity", ran(onnxruntime(fakes, "io=float result=nan")));
  check_error(LAMA_ENGINE_ERROR, "NaN or infinity", ran(openvino(fakes, xml_with("float", "result=nan"))));
  check_error(LAMA_OUT_OF_MEMORY,
              "ONNX Runtime had too little memory for 2 pictures of 5x3 (Failed to allocate memory)",
              ran(onnxruntime(fakes, "memory")));
  check_error(LAMA_OUT_OF_MEMORY, "OpenVINO had too little memory", ran(openvino(fakes, xml_with("uint8", "memory"))));
}

// The fake's CPU computes in FP32 alone.
void test_warning(const std::string &fakes) {
  std::string xml = xml_with("uint8"), told;
  xml.replace(xml.find("fp32"), 4, "fp16");
  const Folder folder;
  const Files files = {{"model.xml", xml}, {"model.bin", ""}};
  Json manifest = manifest_of("openvino", files);
  manifest["precision"] = "fp16";
  write_bundle(folder, manifest, files);
  EngineOptions options;
  options.engine = fakes + "/openvino";
  options.log.user = &told;
  options.log.function = [](void *user, lama_log_level, const char *line) {
    *static_cast<std::string *>(user) += line;
  };
  const auto backend = open_backend(load_bundle(folder.path(), true), options);
  check(told == "OpenVINO does not compute in f16 on this CPU; fp16 runs in f32 instead, right and slower", told);
  check(backend->capabilities().memory->per_pixel == 110 + 20 * 32, "memory in f32");
}

void test_options(const std::string &fakes) {
  EngineOptions options;
  options.precision = "f32";
  check_error(LAMA_INVALID_ARGUMENT, "precision is of OpenVINO's", [&] { open(onnxruntime(fakes), options); });
  open(openvino(fakes), options);
  options.precision = "f31";
  check_error(LAMA_INVALID_ARGUMENT, "precision is f31; allowed: f32, f16, bf16",
              [&] { open(openvino(fakes), options); });
  options.precision = "";
  const Folder folder;
  options.cache = folder / "cache";
  for (int i = 0; i < 12; ++i) open(openvino(fakes, xml_with("uint8", std::to_string(i))), options);
  size_t kept = 0;
  for (const auto &entry : std::filesystem::directory_iterator(options.cache)) kept += entry.is_directory();
  check(kept == 8, "folders in a cache: " + std::to_string(kept));
  folder.write("file", "");
  options.cache = folder / "file/cache";
  check_error(LAMA_INVALID_ARGUMENT, "cannot be a cache", [&] { open(openvino(fakes), options); });
  for (const char *function : {"GetApi", "OrtGetApiBase"}) {
    setenv("LAMA_FAKE_FAIL", function, 1);
    check_error(LAMA_MISSING_LIBRARY, "does not offer what is needed", [&] { open(onnxruntime(fakes)); });
  }
  unsetenv("LAMA_FAKE_FAIL");
}

}  // namespace

int main(int, char **arguments) {
  const std::string fakes = arguments[1];
  test_results(fakes);
  test_every_call(fakes);
  test_wrong_models(fakes);
  test_wrong_results(fakes);
  test_warning(fakes);
  test_options(fakes);
  return ended();
}

#include "bench_of_trt.h"

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>

namespace bench {

int failures = 0;

const std::string kTwoProfiles = "profile 1 8 8 1 64 64 2 64 64\nprofile 1 8 8 1 128 128 1 128 128\n";

void check(bool holds, const char *what, const std::string &more) {
  if (holds) return;
  std::printf("failed: %s%s%s\n", what, more.empty() ? "" : ": ", more.c_str());
  ++failures;
}

std::string plan(const std::string &lines) {
  std::string name = "/tmp/lama-trt-XXXXXX";
  const int file = mkstemp(name.data());
  const std::string text = "fake engine\n" + lines;
  check(file >= 0 && write(file, text.data(), text.size()) == ssize_t(text.size()), "a plan is written");
  close(file);
  static std::vector<std::string> &written = *new std::vector<std::string>;
  if (written.empty())
    std::atexit([] {
      for (const std::string &each : written) unlink(each.c_str());
    });
  written.push_back(name);
  return name;
}

const lama_trt_table &table() {
  static const lama_trt_table *found = [] {
    void *library = dlopen(LAMA_TRT_FILE, RTLD_NOW | RTLD_LOCAL);
    if (!library) std::printf("%s\n", dlerror()), std::abort();
    auto *functions = reinterpret_cast<lama_trt_functions_type *>(dlsym(library, LAMA_TRT_TABLE_NAME));
    check(!functions(LAMA_TRT_TABLE_VERSION + 1), "a caller of another version gets no table");
    return functions(LAMA_TRT_TABLE_VERSION);
  }();
  return *found;
}

std::string version() {
  using Number = int32_t();
  static void *library = dlopen((LAMA_FAKES "/good/libnvinfer.so." + std::to_string(LAMA_TRT_MAJOR)).c_str(), RTLD_NOW);
  if (!library) std::printf("%s\n", dlerror()), std::abort();
  const int number = reinterpret_cast<Number *>(dlsym(library, "getInferLibVersion"))();
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

namespace {

void tell(void *user, lama_log_level level, const char *line) {
  auto *told = static_cast<std::vector<std::string> *>(user);
  if (told) told->push_back((level == LAMA_LOG_WARNING ? "warning: " : "") + std::string(line));
}

}  // namespace

Engine::Engine(const Options &options) {
  const std::string library = options.library.empty() ? LAMA_FAKES "/good" : options.library;
  const std::string built_by = options.version.empty() ? version() + ".7" : options.version;
  const lama_trt_options plain = {options.model.c_str(),
                                  built_by.c_str(),
                                  options.version_compatible,
                                  options.made_for.c_str(),
                                  options.capability.c_str(),
                                  options.timed,
                                  library.c_str(),
                                  options.plugin.c_str(),
                                  options.plugin_named,
                                  options.carried.c_str(),
                                  options.needs_plugin,
                                  0,
                                  options.rtx,
                                  options.streams,
                                  options.device,
                                  options.graphs,
                                  tell,
                                  options.told};
  status = table().open(&plain, &engine, &error);
  check((status == LAMA_OK) == (engine != nullptr), "an engine is there, or a status says why not");
  check((status == LAMA_OK) == (error.message[0] == 0), "a line is there where opening failed");
}

Pictures::Pictures(lama_trt_shape shape, unsigned seed, bool floats) : shape(shape) {
  std::mt19937 random(seed);
  const size_t pixels = size_t(shape.count * shape.height * shape.width);
  for (size_t i = 0; i < 3 * pixels; ++i) images.push_back(uint8_t(random()));
  for (size_t i = 0; i < pixels; ++i) masks.push_back(random() % 3 ? 0 : uint8_t(1 + random() % 255));
  for (size_t i = 0; i < 3 * pixels; ++i) {
    const uint8_t byte = images[i];
    uint8_t filled = uint8_t(byte * 5 + i / 3 % size_t(shape.width) + i % 3);
    const float value = float(byte) / 255.0f, inverse = 1.25f - value;
    if (floats) filled = uint8_t(std::min(inverse * 255.0f, 255.0f));
    expected.push_back(masks[i / 3] ? filled : floats ? uint8_t(value * 255.0f) : byte);
  }
}

bool run(const Engine &engine, const Pictures &pictures, lama_error *error) {
  std::vector<uint8_t> results(pictures.images.size(), 0x77);
  const std::vector<uint8_t> before = results;
  lama_error told{};
  const lama_status status =
      table().run(engine.engine, &pictures.shape, pictures.images.data(), pictures.masks.data(), results.data(), &told);
  if (error) *error = told;
  if (status != LAMA_OK)
    check(told.message[0] && results == before, "a failure has a line and leaves results", told.message);
  if (status == LAMA_OK) check(results == pictures.expected, "results are right where the status says so");
  return status == LAMA_OK && results == pictures.expected;
}

int finish() {
  check(fake::alive(nullptr) == 0, "nothing is left", std::to_string(fake::alive(nullptr)));
  check(fake::first_broken().empty(), "no rule was broken", fake::first_broken());
  return failures ? 1 : 0;
}

}  // namespace bench

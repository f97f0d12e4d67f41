// What tests of liblama_trt share: engines of the fake TensorRT, pictures, and what these have to become.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "control.h"
#include "engines/trt_api.h"

namespace bench {

extern int failures;  // of checks

void check(bool holds, const char *what, const std::string &more = "");
#define CHECK(condition) bench::check(condition, #condition)

// Writes a plan of the fake TensorRT; returns its name. lines: after the first.
std::string plan(const std::string &lines);
extern const std::string kTwoProfiles;  // 8 to 64 px, 1 or 2 pictures; 8 to 128 px, one

const lama_trt_table &table();
std::string version();  // of the fake library, without its last part

struct Options {
  std::string model = plan(kTwoProfiles);
  std::string version;  // "" for that of the fake library
  std::string library, plugin, carried;
  std::string made_for = "a GPU of the test's", capability;  // the fake devices are "Fake 9.0" and "Fake 9.1"
  bool needs_plugin = false, rtx = false;
  bool version_compatible = false, timed = false, plugin_named = true;
  int streams = 1, device = -1, graphs = 8;
  std::vector<std::string> *told = nullptr;  // lines of the log
};

// An opened engine, or what it failed for.
struct Engine {
  explicit Engine(const Options &options = {});
  ~Engine() { table().close(engine); }
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  lama_trt_engine *engine = nullptr;
  lama_status status;
  lama_error error{};
};

// Pictures, masks, and what the fake engine makes of them.
struct Pictures {
  Pictures(lama_trt_shape shape, unsigned seed, bool floats = false);
  lama_trt_shape shape;
  std::vector<uint8_t> images, masks, expected;
};

// Runs them on the host. True where the status is LAMA_OK and the results are right; where it fails, results are
// checked to be as they were.
bool run(const Engine &engine, const Pictures &pictures, lama_error *error = nullptr);

int finish();  // prints what broke; the program's exit status

}  // namespace bench

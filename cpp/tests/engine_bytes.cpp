// Runs a bundle's engine on bytes in files: what a test in Python compares with its own.
//
// engine_bytes BUNDLE COUNT HEIGHT WIDTH IMAGES MASKS RESULTS [--fixed] [--threads N] [--streams N] [--engine PATH]
// [--cache DIR] [--precision HINT] [--times N]. Says the engine, its version, workers and expected memory.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "engines/open.h"

namespace {

std::vector<uint8_t> read(const char *path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

struct Arguments {
  lama::EngineOptions options;
  bool fixed = false;
  int times = 1;
};

Arguments parsed(int count, char **texts) {
  Arguments found;
  for (int i = 0; i < count; ++i) {
    const std::string name = texts[i];
    if (name == "--fixed") found.fixed = true;
    if (i + 1 == count) break;
    if (name == "--threads") found.options.threads = std::atoi(texts[i + 1]);
    if (name == "--streams") found.options.streams = std::atoi(texts[i + 1]);
    if (name == "--engine") found.options.engine = texts[i + 1];
    if (name == "--cache") found.options.cache = texts[i + 1];
    if (name == "--precision") found.options.precision = texts[i + 1];
    if (name == "--times") found.times = std::atoi(texts[i + 1]);
  }
  return found;
}

void describe(const lama::Backend &backend) {
  const lama::Memory memory = backend.capabilities().memory.value_or(lama::Memory{});
  std::printf("%s %s %s workers %d memory %lld %.17g %.17g %.17g %.17g\n", backend.name().c_str(),
              backend.version().c_str(), backend.library().c_str(), backend.capabilities().workers,
              static_cast<long long>(memory.fixed), memory.per_pixel, memory.per_pixel_fixed.value_or(-1),
              memory.per_picture, memory.residual);
}

void say(void *, lama_log_level, const char *line) {
  std::printf("log: %s\n", line);
}

int run(int count, char **texts) {
  Arguments arguments = parsed(count - 8, texts + 8);
  arguments.options.log.function = say;
  const lama::Bundle bundle = lama::load_bundle(texts[1], true);
  std::unique_ptr<lama::Backend> backend = lama::open_backend(bundle, arguments.options);
  describe(*backend);
  const lama::Shape shape = {std::atoll(texts[2]), std::atoll(texts[3]), std::atoll(texts[4])};
  const std::vector<uint8_t> images = read(texts[5]), masks = read(texts[6]);
  std::vector<uint8_t> results(images.size());
  std::unique_ptr<lama::Backend> fixed = arguments.fixed ? backend->fixed(shape) : nullptr;
  for (int i = 0; i < arguments.times; ++i)
    (fixed ? *fixed : *backend).run(shape, images.data(), masks.data(), results.data());
  std::ofstream(texts[7], std::ios::binary).write(reinterpret_cast<char *>(results.data()), results.size());
  return 0;
}

}  // namespace

int main(int count, char **texts) {
  try {
    return count < 8 ? 2 : run(count, texts);
  } catch (const lama::Error &error) {
    std::printf("error %d: %s\n", int(error.status), error.what());
    return 1;
  }
}

#include "engines/memory_table.h"

namespace lama {

namespace {

constexpr int64_t MIB = int64_t(1) << 20;
constexpr int64_t WEIGHT_COPIES = 2;  // what was read, and what the engine made of it

struct ByWidth {
  double least, each;  // bytes a pixel, and as many more for each channel of the generator's width
};

struct Growth {
  const char *backend, *precision;
  int64_t base;  // MiB of a process without weights
  ByWidth pixel;
  std::optional<ByWidth> pixel_fixed;  // compiled for the picture's shape
};

// The table GROWTH there, where it says what it comes from.
const Growth TABLE[] = {
    {"onnxruntime", "fp32", 140, {120, 24}, std::nullopt},   {"onnxruntime", "int8", 140, {100, 18}, std::nullopt},
    {"openvino", "fp32", 200, {110, 20}, ByWidth{45, 6.9}},  {"openvino", "fp16", 200, {110, 20}, ByWidth{45, 6.9}},
    {"openvino", "bf16", 200, {110, 9.5}, ByWidth{50, 3.4}}, {"openvino", "int8", 200, {230, 10.5}, ByWidth{50, 3.2}},
};

double by_width(const ByWidth &pixel, const Generator &generator) {
  return pixel.least + pixel.each * double(generator.width);
}

// At most, in float32: as though every convolution went from all channels to all.
int64_t weight_bytes(const Generator &generator) {
  int64_t stages = 0;
  for (int64_t level = 0; level < generator.downsamplings; ++level)
    stages += 2 * 9 * generator.channels(level) * generator.channels(level + 1);
  const int64_t latent = generator.channels(generator.downsamplings);
  return 4 * (stages + generator.blocks * 2 * 9 * latent * latent);
}

}  // namespace

std::optional<Memory> estimated_memory(const std::string &backend, const Bundle &bundle, const std::string &precision) {
  if (bundle.memory) return bundle.memory;
  for (const Growth &growth : TABLE) {
    if (backend != growth.backend || (precision.empty() ? "fp32" : precision) != growth.precision) continue;
    Memory memory;
    memory.fixed = growth.base * MIB + WEIGHT_COPIES * weight_bytes(bundle.generator);
    memory.per_pixel = by_width(growth.pixel, bundle.generator);
    if (growth.pixel_fixed) memory.per_pixel_fixed = by_width(*growth.pixel_fixed, bundle.generator);
    return memory;
  }
  return std::nullopt;
}

}  // namespace lama

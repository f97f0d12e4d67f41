// What libraries in the place of an engine share. Their objects are plain memory, so that a leak is seen as one.
//
// LAMA_FAKE_FAIL names a function that fails, and says so. A model is a text that says how it behaves: "io=float",
// "precision=int8", "result=other" (of another shape), "result=nan", "names=other", "memory" (its run says so).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace fake {

inline bool fails(const char *function) {
  const char *named = std::getenv("LAMA_FAKE_FAIL");
  return named && std::strcmp(named, function) == 0;
}

inline std::string refusal(const char *function) {
  return std::string("the fake's\n") + function + " refuses";  // in two lines, which none of ours may be
}

struct Model {
  std::string text;

  bool says(const char *what) const { return text.find(what) != std::string::npos; }
  bool is_float() const { return says("io=float"); }
  std::string precision() const { return says("precision=int8") ? "int8" : "fp32"; }
};

struct Tensor {
  bool is_float = false;
  std::vector<int64_t> sizes;
  void *data = nullptr;         // somebody else's
  std::vector<uint8_t> memory;  // or its own
};

inline int64_t product(const std::vector<int64_t> &sizes) {
  int64_t all = 1;
  for (const int64_t size : sizes) all *= size;
  return all;
}

// The hole gets 255 - the mean of what is known, rounded down, in each channel: integers, the same on every machine.
template <typename Value>
void fill(const Value *image, const Value *mask, Value *result, int64_t pixels, int64_t step, Value white) {
  int64_t sum = 0, known = 0;
  for (int64_t i = 0; i < pixels; ++i)
    if (!(mask[i] > 0)) sum += int64_t(image[i * step] * 255 / white), ++known;
  const Value filled = Value(Value(255 - (known ? sum / known : 0)) * white / 255);
  for (int64_t i = 0; i < pixels; ++i) result[i * step] = mask[i] > 0 ? filled : image[i * step];
}

inline void run(const Model &model, const Tensor &image, const Tensor &mask, Tensor &result) {
  result.is_float = model.is_float();
  result.sizes = image.sizes;
  result.memory.resize(size_t(product(image.sizes)) * (result.is_float ? sizeof(float) : 1));
  result.data = result.memory.data();
  const int64_t count = mask.sizes[0], pixels = product(mask.sizes) / count;
  for (int64_t n = 0; n < count; ++n)
    for (int64_t c = 0; c < 3; ++c) {
      if (result.is_float) {
        const int64_t from = (n * 3 + c) * pixels;
        fill(static_cast<float *>(image.data) + from, static_cast<float *>(mask.data) + n * pixels,
             static_cast<float *>(result.data) + from, pixels, 1, 1.0f);
      } else {
        const int64_t from = n * pixels * 3 + c;
        fill(static_cast<uint8_t *>(image.data) + from, static_cast<uint8_t *>(mask.data) + n * pixels,
             static_cast<uint8_t *>(result.data) + from, pixels, 3, uint8_t(255));
      }
    }
  if (model.says("result=other")) result.sizes.back() += 1;
  if (model.says("result=nan")) static_cast<float *>(result.data)[0] = std::nanf("");
}

}  // namespace fake

// Any numbers as views and options of a call: what is refused has one line and no byte changed; what is taken changes
// no byte outside of its output. LAMA_FUZZ_BUNDLE names the bundle, LAMA_ENGINE the engine; a fake one is fast enough.
#include <lama/inpainter.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "fuzz.h"

namespace {

constexpr std::int64_t MEMORY = 1 << 16;  // bytes, that all views lie in

// Takes numbers off the input; 0 behind its end.
class Input {
 public:
  Input(const std::uint8_t *data, std::size_t size) : data_(data), size_(size) {}

  template <class Number>
  Number take() {
    Number number{};
    const std::size_t count = std::min(sizeof number, size_);
    std::memcpy(&number, data_, count);
    data_ += count, size_ -= count;
    return number;
  }

  // Mostly small, so that views fit; sometimes anything.
  std::int64_t side(std::int64_t most) {
    return take<std::uint8_t>() < 250 ? std::int64_t(take<std::uint16_t>() % most) : take<std::int64_t>();
  }

 private:
  const std::uint8_t *data_;
  std::size_t size_;
};

int bytes_of(lama_format format) {
  return format == LAMA_GREY ? 1 : format == LAMA_RGB || format == LAMA_BGR ? 3 : 4;
}

bool is_format(lama_format format) {
  return format >= LAMA_GREY && format <= LAMA_BGRA;
}

// What the library cannot know: whether the memory that a view claims is there.
bool lies_inside(const lama_image &view, const std::uint8_t *memory) {
  const std::int64_t start = static_cast<std::uint8_t *>(view.data) - memory;
  if (view.width < 1 || view.height < 1 || view.width > MEMORY || view.height > MEMORY) return true;  // is refused
  const __int128 end = __int128(view.height - 1) * view.stride + view.width * bytes_of(view.format) + start;
  return view.stride < 0 || (end <= MEMORY && start >= 0);
}

lama_image view_of(Input &input, std::uint8_t *memory, const lama_image *like) {
  const bool same = like != nullptr && input.take<std::uint8_t>() < 240;
  lama_image view{memory + input.take<std::uint16_t>() % MEMORY, input.side(80), input.side(80), 0,
                  lama_format(input.take<std::uint8_t>() % 7)};
  if (same) view.width = like->width, view.height = like->height;
  view.stride = std::int64_t(std::uint64_t(view.width) * unsigned(is_format(view.format) ? bytes_of(view.format) : 1));
  if (input.take<std::uint8_t>() < 100) view.stride = input.side(400);
  return view;
}

std::vector<bool> written(const lama_image &view, const std::uint8_t *memory) {
  std::vector<bool> bytes(MEMORY);
  const std::int64_t start = static_cast<std::uint8_t *>(view.data) - memory;
  for (std::int64_t y = 0; y < view.height; ++y)
    for (std::int64_t x = 0; x < view.width * bytes_of(view.format); ++x)
      bytes[std::size_t(start + y * view.stride + x)] = true;
  return bytes;
}

lama_inpainter *opened() {
  lama_options options;
  lama_options_init(&options, sizeof options);
  options.limit = 128, options.margin = 8;
  lama_inpainter *inpainter = nullptr;
  lama_error error;
  const char *bundle = std::getenv("LAMA_FUZZ_BUNDLE");
  require(lama_load(bundle ? bundle : "", &options, &inpainter, &error) == LAMA_OK, "LAMA_FUZZ_BUNDLE", error.message);
  return inpainter;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  static lama_inpainter *inpainter = opened();
  static std::vector<std::uint8_t> memory(MEMORY);
  Input input(data, size);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = std::uint8_t(i * 7 + (i >> 8));
  const lama_image image = view_of(input, memory.data(), nullptr), mask = view_of(input, memory.data(), &image);
  lama_image output = view_of(input, memory.data(), &image);
  if (input.take<std::uint8_t>() < 120) output = image;
  if (input.take<std::uint8_t>() < 200) output.format = image.format;
  for (const lama_image &view : {image, mask, output})
    if (is_format(view.format) && !lies_inside(view, memory.data())) return 0;
  lama_box box{double(input.take<std::int16_t>()) / 16, double(input.take<std::int16_t>()) / 16, input.take<float>(),
               double(input.take<std::uint16_t>()) / 16};
  lama_call call;
  lama_call_init(&call, sizeof call);
  call.mask_threshold = input.take<std::uint8_t>(), call.mask_grow = int(input.side(40));
  call.mask_invert = input.take<std::uint8_t>() % 3;
  call.boxes = &box, call.box_count = input.take<std::uint8_t>() % 2;
  const std::vector<std::uint8_t> before = memory;
  lama_error error;
  const bool masked = input.take<std::uint8_t>() < 230;
  const lama_status status = lama_inpaint(inpainter, &image, masked ? &mask : nullptr, &output, &call, &error);
  require(status == error.status && status != LAMA_INTERNAL_ERROR, "status", error.message);
  require(status == LAMA_OK || error.message[0] != 0, "no line");
  if (status != LAMA_OK) require(before == memory, "a failed call wrote", error.message);
  if (status != LAMA_OK || before == memory) return 0;
  const std::vector<bool> allowed = written(output, memory.data());
  for (std::size_t i = 0; i < memory.size(); ++i)
    require(allowed[i] || memory[i] == before[i], "wrote beside its output");
  return 0;
}

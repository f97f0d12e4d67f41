#include "request.h"

#include "settings.h"
#include "triton_errors.h"

namespace lama::triton {

namespace {

[[noreturn]] void refuse(const std::string &line) {
  throw Error(LAMA_INVALID_ARGUMENT, line);
}

std::string words(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size() && i < 8; ++i) text += (i ? "," : "") + std::to_string(shape[i]);
  return text + (shape.size() > 8 ? ",...]" : "]");
}

// Bytes of a tensor; sides are checked first, so that no product is too large.
uint64_t bytes_of(const std::vector<int64_t> &shape, const char *name) {
  uint64_t bytes = 1;
  for (const int64_t side : shape)
    if (side < 1 || side > LAMA_MOST_SIDE || __builtin_mul_overflow(bytes, uint64_t(side), &bytes))
      refuse(std::string(name) + " is " + words(shape) + "; allowed: 1 to 1,048,576 pixels a side, 1 picture at least");
  return bytes;
}

void require_host(TRITONSERVER_MemoryType memory, const char *name) {
  if (memory == TRITONSERVER_MEMORY_GPU)
    refuse(std::string(name) + " lies in the memory of a GPU; send it in the request or in system shared memory");
}

}  // namespace

Request::Request(TRITONBACKEND_Request *request) noexcept : request_(request) {
  guarded(&error_, [&] { read(); });
}

bool Request::is_cancelled() const {
  bool is = false;
  check(TRITONBACKEND_RequestIsCancelled(request_, &is));
  return is;
}

void Request::read() {
  check(TRITONBACKEND_ResponseNew(&response_, request_));
  if (is_cancelled()) throw Error(LAMA_CANCELLED, "the request was cancelled before it was computed");
  image_ = input(IMAGE);
  mask_ = input(MASK);
  take_shape();
  make_output();
}

Request::Tensor Request::input(const char *name) const {
  TRITONBACKEND_Input *input = nullptr;
  TRITONSERVER_DataType type;
  const int64_t *shape = nullptr;
  uint32_t dims = 0, buffers = 0;
  uint64_t bytes = 0;
  check(TRITONBACKEND_RequestInput(request_, name, &input));
  check(TRITONBACKEND_InputProperties(input, nullptr, &type, &shape, &dims, &bytes, &buffers));
  Tensor tensor;
  tensor.shape.assign(shape, shape + dims);
  if (type != TRITONSERVER_TYPE_UINT8) refuse(std::string(name) + " is of another type; send UINT8");
  const uint64_t wanted = bytes_of(tensor.shape, name);
  if (bytes != wanted)
    refuse(std::string(name) + " has " + std::to_string(bytes) + " bytes, and " + words(tensor.shape) + " takes " +
           std::to_string(wanted));
  if (buffers > 1) tensor.gathered.reserve(bytes);
  for (uint32_t i = 0; i < buffers; ++i) {
    const void *part = nullptr;
    TRITONSERVER_MemoryType memory = TRITONSERVER_MEMORY_CPU;
    int64_t memory_id = 0;
    uint64_t size = 0;
    check(TRITONBACKEND_InputBuffer(input, i, &part, &size, &memory, &memory_id));
    require_host(memory, name);
    tensor.data = static_cast<const uint8_t *>(part);
    if (buffers > 1) tensor.gathered.insert(tensor.gathered.end(), tensor.data, tensor.data + size);
  }
  if (buffers > 1) tensor.data = tensor.gathered.data();
  return tensor;
}

void Request::take_shape() {
  const std::vector<int64_t> &shape = image_.shape;
  if ((shape.size() != 3 && shape.size() != 4) || shape.back() != 3)
    refuse("image is " + words(shape) + "; allowed: [height,width,3] or [pictures,height,width,3], RGB");
  const std::vector<int64_t> expected(shape.begin(), shape.end() - 1);
  if (mask_.shape != expected)
    refuse("mask is " + words(mask_.shape) + " beside an image of " + words(shape) + "; give " + words(expected));
  count_ = shape.size() == 4 ? shape[0] : 1;
  height_ = expected[expected.size() - 2], width_ = expected.back();
}

void Request::make_output() {
  TRITONBACKEND_Output *output = nullptr;
  TRITONSERVER_MemoryType memory = TRITONSERVER_MEMORY_CPU;
  int64_t memory_id = 0;
  void *buffer = nullptr;
  const auto dims = uint32_t(image_.shape.size());
  check(TRITONBACKEND_ResponseOutput(response_, &output, RESULT, TRITONSERVER_TYPE_UINT8, image_.shape.data(), dims));
  check(TRITONBACKEND_OutputBuffer(output, &buffer, bytes_of(image_.shape, RESULT), &memory, &memory_id));
  require_host(memory, RESULT);
  result_ = static_cast<uint8_t *>(buffer);
}

void Request::add_views(std::vector<lama_image> &images, std::vector<lama_image> &masks,
                        std::vector<lama_image> &outputs) {
  const int64_t pixels = height_ * width_;
  auto *image = const_cast<uint8_t *>(image_.data), *mask = const_cast<uint8_t *>(mask_.data);  // only read
  for (int64_t i = 0; i < count_; ++i) {
    images.push_back({image + i * pixels * 3, width_, height_, width_ * 3, LAMA_RGB});
    masks.push_back({mask + i * pixels, width_, height_, width_, LAMA_GREY});
    outputs.push_back({result_ + i * pixels * 3, width_, height_, width_ * 3, LAMA_RGB});
  }
}

void Request::answer() noexcept {
  TRITONSERVER_Error *error = is_open() ? nullptr : TRITONSERVER_ErrorNew(code_of(error_.status), error_.message);
  TRITONSERVER_Error *failed = nullptr;
  if (response_) failed = TRITONBACKEND_ResponseSend(response_, TRITONSERVER_RESPONSE_COMPLETE_FINAL, error);
  drop(error);
  if (!failed) failed = TRITONBACKEND_RequestRelease(request_, TRITONSERVER_REQUEST_RELEASE_ALL);
  if (!failed) return;
  say(TRITONSERVER_LOG_WARN, std::string("an answer was not taken: ") + TRITONSERVER_ErrorMessage(failed));
  drop(failed);
}

}  // namespace lama::triton

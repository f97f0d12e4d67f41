// liblama for C++17: a thin, header-only face of the C ABI in inpainter.h, which says what everything means.
//
//     lama::Inpainter inpainter("big-lama-onnx");
//     inpainter.inpaint(lama::rgb(pixels, width, height), lama::mask(hole, width, height), lama::rgb(result, width,
//     height));
//
// What fails throws lama::Failure. Functions that begin with try_ return a Status instead; with LAMA_NO_EXCEPTIONS
// defined they are the only ones. Inpainters move and do not copy; their functions may be called by several threads at
// once.
#ifndef LAMA_INPAINTER_HPP
#define LAMA_INPAINTER_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lama/inpainter.h"

namespace lama {

// What a call came to: a status, and one line where it failed.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(lama_status code, std::string line) : code_(code), line_(std::move(line)) {}

  bool ok() const noexcept { return code_ == LAMA_OK; }
  lama_status code() const noexcept { return code_; }
  const std::string &line() const noexcept { return line_; }

 private:
  lama_status code_ = LAMA_OK;
  std::string line_;
};

// Views of pixels; stride: bytes from a row to the next, 0: none are left out between them.
inline lama_image view(void *data, std::int64_t width, std::int64_t height, lama_format format, int pixel,
                       std::int64_t stride) {
  return {data, width, height, stride ? stride : width * pixel, format};
}
// Pixels that are only read may be const; an output may not.
inline lama_image grey(const std::uint8_t *data, std::int64_t width, std::int64_t height, std::int64_t stride = 0) {
  return view(const_cast<std::uint8_t *>(data), width, height, LAMA_GREY, 1, stride);
}
inline lama_image mask(const std::uint8_t *data, std::int64_t width, std::int64_t height, std::int64_t stride = 0) {
  return grey(data, width, height, stride);
}
inline lama_image rgb(const std::uint8_t *data, std::int64_t width, std::int64_t height, std::int64_t stride = 0) {
  return view(const_cast<std::uint8_t *>(data), width, height, LAMA_RGB, 3, stride);
}
inline lama_image bgr(const std::uint8_t *data, std::int64_t width, std::int64_t height, std::int64_t stride = 0) {
  return view(const_cast<std::uint8_t *>(data), width, height, LAMA_BGR, 3, stride);
}
inline lama_image rgba(const std::uint8_t *data, std::int64_t width, std::int64_t height, std::int64_t stride = 0) {
  return view(const_cast<std::uint8_t *>(data), width, height, LAMA_RGBA, 4, stride);
}
inline lama_image bgra(const std::uint8_t *data, std::int64_t width, std::int64_t height, std::int64_t stride = 0) {
  return view(const_cast<std::uint8_t *>(data), width, height, LAMA_BGRA, 4, stride);
}

// As lama_options; texts are empty for what is NULL there.
struct Options {
  lama_strategy strategy = LAMA_AUTO;
  int limit = 1024, margin = 64;  // pixels
  int threads = 0, streams = 0, device = -1, graphs = 8;
  bool check = true;
  std::int64_t memory = 0;  // bytes
  std::string engine, plugin, cache, precision;
  std::function<void(lama_log_level, const char *line)> log;  // may be called by several threads; must not throw
};

// As lama_call. progress: whether to go on; what it throws ends the call, and is thrown by it.
struct Call {
  double mask_threshold = 0;
  bool mask_invert = false;
  int mask_grow = 0;  // pixels
  std::vector<lama_box> boxes;
  std::vector<lama_point> points;
  std::function<bool(std::size_t done, std::size_t all)> progress;
};

class Inpainter {
 public:
  // Nothing is open: only try_load may follow.
  Inpainter() = default;
  Inpainter(Inpainter &&other) noexcept = default;
  Inpainter &operator=(Inpainter &&other) noexcept {
    handle_ = std::move(other.handle_);  // before the log goes that the one before tells
    log_ = std::move(other.log_);
    return *this;
  }

  Status try_load(const std::string &bundle, const Options &options = {}) {
    auto log = std::make_unique<decltype(options.log)>(options.log);
    lama_options given;
    lama_options_init(&given, sizeof given);
    given.strategy = options.strategy;
    given.limit = options.limit, given.margin = options.margin;
    given.threads = options.threads, given.streams = options.streams;
    given.device = options.device, given.graphs = options.graphs;
    given.check = options.check, given.memory = options.memory;
    given.engine = text(options.engine), given.plugin = text(options.plugin);
    given.cache = text(options.cache), given.precision = text(options.precision);
    if (*log) given.log = tell, given.log_user = log.get();
    lama_inpainter *opened = nullptr;
    lama_error error;
    const lama_status status = lama_load(bundle.c_str(), &given, &opened, &error);
    if (status != LAMA_OK) return {status, error.message};
    handle_.reset(opened);  // before the log goes that the one before tells
    log_ = std::move(log);
    return {};
  }

  Status try_inpaint(const lama_image &image, const lama_image &mask, const lama_image &output, const Call &call = {}) {
    return try_batch(1, &image, &mask, &output, call);
  }

  // The hole is what `call` draws.
  Status try_inpaint(const lama_image &image, const lama_image &output, const Call &call) {
    return try_batch(1, &image, nullptr, &output, call);
  }

  // As many masks as images, or none; as many outputs.
  Status try_inpaint(const std::vector<lama_image> &images, const std::vector<lama_image> &masks,
                     const std::vector<lama_image> &outputs, const Call &call = {}) {
    if (outputs.size() != images.size() || (!masks.empty() && masks.size() != images.size()))
      return {LAMA_INVALID_ARGUMENT, "there are not as many masks and outputs as images"};
    return try_batch(images.size(), images.data(), masks.empty() ? nullptr : masks.data(), outputs.data(), call);
  }

  Status try_inpaint_on_device(const lama_device_images &images, void *stream = nullptr) {
    lama_error error;
    const lama_status status = lama_inpaint_on_device(handle_.get(), &images, stream, &error);
    return {status, error.message};
  }

  Status try_plan(const lama_image &mask, std::string &line, const Call &call = {}) const {
    char text[512];
    lama_error error;
    const Given given(call);
    const lama_status status = lama_plan(handle_.get(), &mask, &given.call, text, sizeof text, &error);
    if (status == LAMA_OK) line = text;
    return {status, error.message};
  }

  Status try_warm_up(std::int64_t count, std::int64_t height, std::int64_t width) {
    lama_error error;
    const lama_status status = lama_warm_up(handle_.get(), count, height, width, &error);
    return {status, error.message};
  }

  // Of an open inpainter; empty of any other.
  lama_info info() const {
    lama_info info;
    lama_info_init(&info, sizeof info);
    (void)lama_describe(handle_.get(), &info, nullptr);
    return info;
  }

  lama_inpainter *handle() const noexcept { return handle_.get(); }

#ifndef LAMA_NO_EXCEPTIONS
  explicit Inpainter(const std::string &bundle, const Options &options = {}) { raise(try_load(bundle, options)); }

  void inpaint(const lama_image &image, const lama_image &mask, const lama_image &output, const Call &call = {}) {
    raise(try_inpaint(image, mask, output, call));
  }
  void inpaint(const lama_image &image, const lama_image &output, const Call &call) {
    raise(try_inpaint(image, output, call));
  }
  void inpaint(const std::vector<lama_image> &images, const std::vector<lama_image> &masks,
               const std::vector<lama_image> &outputs, const Call &call = {}) {
    raise(try_inpaint(images, masks, outputs, call));
  }
  void inpaint_on_device(const lama_device_images &images, void *stream = nullptr) {
    raise(try_inpaint_on_device(images, stream));
  }
  std::string plan(const lama_image &mask, const Call &call = {}) const {
    std::string line;
    raise(try_plan(mask, line, call));
    return line;
  }
  void warm_up(std::int64_t count, std::int64_t height, std::int64_t width) {
    raise(try_warm_up(count, height, width));
  }
#endif

 private:
  struct Free {
    void operator()(lama_inpainter *inpainter) const noexcept { lama_free(inpainter); }
  };

  // lama_call of a Call, which outlives it.
  struct Given {
    explicit Given(const Call &from) : source(from) {
      lama_call_init(&call, sizeof call);
      call.mask_threshold = from.mask_threshold;
      call.mask_invert = from.mask_invert;
      call.mask_grow = from.mask_grow;
      call.boxes = from.boxes.data(), call.box_count = from.boxes.size();
      call.points = from.points.data(), call.point_count = from.points.size();
      if (from.progress) call.progress = go_on, call.progress_user = this;
    }
    Given(const Given &) = delete;

    const Call &source;
    lama_call call;
#ifndef LAMA_NO_EXCEPTIONS
    std::exception_ptr thrown;
#endif
  };

  Status try_batch(std::size_t count, const lama_image *images, const lama_image *masks, const lama_image *outputs,
                   const Call &call) {
    lama_error error;
    Given given(call);
    const lama_status status = lama_inpaint_batch(handle_.get(), count, images, masks, outputs, &given.call, &error);
#ifndef LAMA_NO_EXCEPTIONS
    if (given.thrown) std::rethrow_exception(given.thrown);
#endif
    return {status, error.message};
  }

  // Nothing may be thrown through C.
  static int go_on(void *user, std::size_t done, std::size_t all) noexcept {
    Given &given = *static_cast<Given *>(user);
#ifndef LAMA_NO_EXCEPTIONS
    try {
      return given.source.progress(done, all) ? 0 : 1;
    } catch (...) {
      given.thrown = std::current_exception();
      return 1;
    }
#else
    return given.source.progress(done, all) ? 0 : 1;
#endif
  }

  static void tell(void *user, lama_log_level level, const char *line) noexcept {
    (*static_cast<const std::function<void(lama_log_level, const char *)> *>(user))(level, line);
  }

  static const char *text(const std::string &text) { return text.empty() ? nullptr : text.c_str(); }

#ifndef LAMA_NO_EXCEPTIONS
  static void raise(const Status &status);
#endif

  std::unique_ptr<std::function<void(lama_log_level, const char *)>> log_;  // outlives the handle
  std::unique_ptr<lama_inpainter, Free> handle_;
};

#ifndef LAMA_NO_EXCEPTIONS
// What a call failed for; what() is the line.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const Status &status) : std::runtime_error(status.line()), code_(status.code()) {}
  lama_status code() const noexcept { return code_; }

 private:
  lama_status code_;
};

inline void Inpainter::raise(const Status &status) {
  if (!status.ok()) throw Failure(status);
}
#endif

}  // namespace lama
#endif

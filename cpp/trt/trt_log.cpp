#include "trt_log.h"

#include <mutex>
#include <utility>

#include "errors.h"

namespace lama {

namespace {

thread_local const Log *listener = nullptr;
thread_local std::string first_error;

// On a thread of TensorRT's own, for whoever asks next.
std::mutex of_others;
std::string others_error;

std::string taken_from_others() {
  const std::lock_guard<std::mutex> lock(of_others);
  return std::exchange(others_error, {});
}

class Logger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char *message) noexcept override try {
    const std::string_view text = message ? message : "";
    const std::string line = brief(text.substr(0, text.find('\n')));
    if (severity == Severity::kWARNING && listener) listener->warn("TensorRT: " + line);
    if (severity < Severity::kWARNING && listener && first_error.empty()) first_error = line;
    if (severity < Severity::kWARNING && !listener) {
      const std::lock_guard<std::mutex> lock(of_others);
      if (others_error.empty()) others_error = line;
    }
  } catch (...) {  // no memory for a line: let it be
  }
};

}  // namespace

nvinfer1::ILogger &trt_logger() {
  static Logger &logger = *new Logger;  // outlives whatever other libraries do as the process ends
  return logger;
}

Listening::Listening(const Log &log) : outer_(listener) {
  listener = &log;
  first_error.clear();
  if (!outer_) taken_from_others();
}

Listening::~Listening() {
  listener = outer_;
}

std::string first_trt_error() {
  const std::string others = taken_from_others();
  const std::string line = std::exchange(first_error, {});
  return !line.empty() ? line : !others.empty() ? others : "it does not say why";
}

}  // namespace lama

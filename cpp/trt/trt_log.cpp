#include "trt_log.h"

#include "errors.h"

namespace lama {

namespace {

thread_local const Log *listener = nullptr;
thread_local std::string first_error;

class Logger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char *message) noexcept override try {
    const std::string_view text = message ? message : "";
    const std::string line = brief(text.substr(0, text.find('\n')));
    if (severity == Severity::kWARNING && listener) listener->warn("TensorRT: " + line);
    if (severity < Severity::kWARNING && first_error.empty()) first_error = line;
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
}

Listening::~Listening() {
  listener = outer_;
}

std::string first_trt_error() {
  std::string line = first_error.empty() ? "it does not say why" : first_error;
  first_error.clear();
  return line;
}

}  // namespace lama

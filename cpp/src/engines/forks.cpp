#include "engines/forks.h"

#include <unistd.h>

#include <atomic>

#include "errors.h"

namespace lama {

namespace {

// Which process first opened a model of an engine whose threads, or whose GPU, a child cannot have again; 0: none did.
// OpenVINO is not among them: a child opens models of its own.
std::atomic<pid_t> of_onnxruntime{0}, of_cuda{0};

[[noreturn]] void refuse(const std::string &what, bool says_alone) {
  throw Error(LAMA_ENGINE_ERROR, what + "; open models after the fork, in the process that uses them" +
                                     (says_alone ? ", or with threads=1 before and after it" : ""));
}

}  // namespace

Birth::Birth(const std::string &target, int threads)
    : alone_(target == "onnx" && threads == 1), says_alone_(target == "onnx"), process_(getpid()) {
  if (target == "openvino") return;
  const bool is_onnx = target == "onnx";
  pid_t first = 0;
  const bool inherited =
      !(is_onnx ? of_onnxruntime : of_cuda).compare_exchange_strong(first, process_) && first != process_;
  if (inherited && !alone_)
    refuse(std::string(is_onnx ? "ONNX Runtime" : "CUDA") +
               " was used before this process was forked, and cannot start again",
           says_alone_);
}

bool Birth::is_usable() const noexcept {
  return alone_ || getpid() == process_;
}

void Birth::check() const {
  if (!is_usable()) refuse("this model was opened before the process was forked", says_alone_);
}

}  // namespace lama

// Models and fork: a child has no thread of its parent's, and waits for ever where an engine asks them to compute. The
// counterpart of lama_deploy/runtime/forks.py, which says what was seen.
#pragma once

#include <sys/types.h>

#include <string>

namespace lama {

// Of a model, to be made before it is opened.
class Birth {
 public:
  // target: of the bundle. threads: as the caller asked for them; 0: not. Throws LAMA_ENGINE_ERROR where opening would
  // hang, because a process that this one was forked from opened a model of the same engine.
  Birth(const std::string &target, int threads);

  // Whether this process may run the model, and end it: OpenVINO hangs at the next one where a child ended its
  // parent's.
  bool is_usable() const noexcept;

  // Throws LAMA_ENGINE_ERROR where the model is another process's, and would hang in this one.
  void check() const;

 private:
  const bool alone_;       // it computes in the caller's thread
  const bool says_alone_;  // or would, with one thread
  const pid_t process_;
};

}  // namespace lama

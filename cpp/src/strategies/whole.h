// Pictures as they are, over any backend; what a backend cannot take so is mirrored or split. As whole.py of
// lama_deploy.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "backend.h"
#include "log.h"
#include "memory/guard.h"

namespace lama {

// Very large pictures run on a backend that is fixed to their shape, where it declares that this saves memory. Calls
// from several threads are as safe as the backend's own.
class Whole {
 public:
  // memory_limit: bytes that the process may have in all; 0: as the system says.
  Whole(Backend &backend, int64_t memory_limit, const Log &log);

  // Of all pictures of a run, that memory has room for now, with a little to spare; infinity where unknown.
  double most_pixels() const;

  // As Backend::run, with any number of pictures, and of any size up to what the backend takes. Throws
  // LAMA_OUT_OF_MEMORY before memory runs out, LAMA_INVALID_ARGUMENT for larger pictures, what the backend throws.
  void run(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results);

 private:
  void run_taken(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results);
  void run_fixed(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results);
  void say(const Shape &shape, const Shape &part);

  Backend &backend_;
  const Log log_;
  MemoryGuard guard_;
  std::mutex fixed_mutex_;  // one call at a time, since each holds the memory of large pictures
  std::unique_ptr<Backend> fixed_;
  Shape fixed_shape_{};
  std::mutex said_mutex_;
  std::set<std::string> said_;
};

}  // namespace lama

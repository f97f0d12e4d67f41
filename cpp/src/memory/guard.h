// Whether a run fits into the memory that it may take, foretold before it is tried: a kill leaves no message.
// The counterpart of lama_deploy/runtime/memory.py, but for measuring: a library starts no processes.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "backend.h"

namespace lama {

// Of one model: lets a run begin where its memory is free, keeps it waiting while other threads' runs hold it.
class MemoryGuard {
 public:
  // limit: bytes that the process may have in all; 0: as the system says.
  MemoryGuard(const Capabilities &capabilities, int64_t limit);

  class Reservation {
   public:
    Reservation(MemoryGuard &guard, int64_t bytes) : guard_(guard), bytes_(bytes) {}
    ~Reservation();
    Reservation(const Reservation &) = delete;
    Reservation &operator=(const Reservation &) = delete;

   private:
    MemoryGuard &guard_;
    int64_t bytes_;
  };

  // Held while a run of pictures (count, height, width) takes place. Throws LAMA_OUT_OF_MEMORY where they do not fit
  // with nothing beside them.
  Reservation reserved(const Shape &shape);

  // How many, of all pictures together, a run may have now with nothing beside it; infinity where unknown.
  double most_pixels() const;

 private:
  double growth(const Shape &shape) const;
  bool fits(double growth) const;
  int64_t room() const;
  void require(const Shape &shape) const;

  const std::optional<Memory> memory_;
  const std::optional<int64_t> fixed_from_;
  const int64_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t running_ = 0;
};

}  // namespace lama

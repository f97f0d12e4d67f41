#include "memory/guard.h"

#include <algorithm>
#include <limits>
#include <string>

#include "memory/process_memory.h"

namespace lama {

namespace {

constexpr int64_t UNKNOWN = int64_t(1) << 62;  // where the system does not say, everything fits

// With as much more as runs were seen to take.
double whole(const Memory &memory, double growth) {
  return double(memory.fixed) + growth * (1 + memory.residual);
}

std::string pictures(const Shape &shape) {
  const std::string size = std::to_string(shape[2]) + "x" + std::to_string(shape[1]) + " pixels";
  return shape[0] == 1 ? size : std::to_string(shape[0]) + " pictures of " + size;
}

}  // namespace

MemoryGuard::MemoryGuard(const Capabilities &capabilities, int64_t limit)
    : memory_(capabilities.memory), fixed_from_(capabilities.fixed_from), limit_(limit) {}

MemoryGuard::Reservation::~Reservation() {
  const std::lock_guard<std::mutex> lock(guard_.mutex_);
  guard_.running_ -= bytes_;
  guard_.changed_.notify_all();
}

MemoryGuard::Reservation MemoryGuard::reserved(const Shape &shape) {
  require(shape);
  const int64_t needed = int64_t(growth(shape));
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return running_ == 0 || fits(double(running_ + needed)); });
  running_ += needed;
  return {*this, needed};
}

double MemoryGuard::most_pixels() const {
  if (!memory_) return std::numeric_limits<double>::infinity();
  const double room = double(this->room() - memory_->fixed) / (1 + memory_->residual);
  const double most = std::max(0.0, room / (memory_->per_pixel + memory_->per_picture));
  if (!fixed_from_ || !memory_->per_pixel_fixed) return most;
  const double fixed = room / *memory_->per_pixel_fixed;
  return fixed >= double(*fixed_from_) ? fixed : std::min(most, double(*fixed_from_ - 1));
}

// Bytes besides what the model takes for any picture.
double MemoryGuard::growth(const Shape &shape) const {
  if (!memory_) return 0;
  const double pixels = double(pixels_of(shape));
  if (fixed_from_ && pixels_of(shape) >= *fixed_from_ && memory_->per_pixel_fixed)
    return pixels * *memory_->per_pixel_fixed;
  return pixels * memory_->per_pixel + pixels / double(std::max<int64_t>(1, shape[0])) * memory_->per_picture;
}

bool MemoryGuard::fits(double growth) const {
  return !memory_ || whole(*memory_, growth) <= double(room());
}

// What the process holds already counts as room: weights are in it, and engines keep what they took.
int64_t MemoryGuard::room() const {
  if (limit_ > 0) return limit_;
  const auto memory = process_memory();
  return memory ? memory->held + memory->room : UNKNOWN;
}

void MemoryGuard::require(const Shape &shape) const {
  if (fits(growth(shape))) return;
  throw Error(LAMA_OUT_OF_MEMORY,
              pictures(shape) + " take about " + gib(whole(*memory_, growth(shape))) +
                  " of memory with this model, and there are " + gib(double(room())) +
                  " for it; run it by LAMA_AUTO (or crop, resize or tile), which takes less at once, export the model "
                  "by --to openvino --int8, which takes the least, or give the process more memory");
}

}  // namespace lama

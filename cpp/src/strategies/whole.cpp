#include "strategies/whole.h"

#include "strategies/parts.h"

namespace lama {

namespace {

constexpr double SPARED = 0.9;  // of the memory that there is: the rest is for what happens beside

std::string words(const Shape &shape) {
  return std::to_string(shape[0]) + " of " + std::to_string(shape[1]) + "x" + std::to_string(shape[2]);
}

}  // namespace

Whole::Whole(Backend &backend, int64_t memory_limit, const Log &log)
    : backend_(backend), log_(log), guard_(backend.capabilities(), memory_limit) {}

double Whole::most_pixels() const {
  return SPARED * guard_.most_pixels();
}

void Whole::run(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) {
  const Shape part = backend_.capabilities().part_for(shape);
  if (part == shape) return run_taken(shape, images, masks, results);
  say(shape, part);
  const auto run = [this](const Shape &taken, const uint8_t *in, const uint8_t *holes, uint8_t *out) {
    run_taken(taken, in, holes, out);
  };
  run_in_parts(run, shape, images, masks, part, results);
}

void Whole::run_taken(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) {
  const MemoryGuard::Reservation held = guard_.reserved(shape);
  const std::optional<int64_t> least = backend_.capabilities().fixed_from;
  if (least && pixels_of(shape) >= *least)
    run_fixed(shape, images, masks, results);
  else
    backend_.run(shape, images, masks, results);
}

void Whole::run_fixed(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) {
  const std::lock_guard<std::mutex> lock(fixed_mutex_);
  if (!fixed_ || fixed_shape_ != shape) {
    fixed_.reset();  // its memory goes before the next one's comes
    fixed_ = backend_.fixed(shape);
    fixed_shape_ = shape;
  }
  fixed_->run(shape, images, masks, results);
}

void Whole::say(const Shape &shape, const Shape &part) {
  const bool same_size = shape[1] == part[1] && shape[2] == part[2];
  const std::string what = same_size ? "the batch is filled up or split" : "the picture is mirrored at its edges";
  {
    // Once of each kind: a folder of large photographs is no news with every one.
    const std::lock_guard<std::mutex> lock(said_mutex_);
    if (!said_.insert(what).second) return;
  }
  log_.warn("the engine takes no " + words(shape) + " at once (it has " + described(backend_.capabilities().shapes) +
            "): " + what + ", in runs of " + words(part) +
            "; export with a --profile or --size for such pictures to have them whole");
}

}  // namespace lama

#include "lane.h"

#include <algorithm>
#include <cstring>

#include "engines/planes.h"
#include "errors.h"

namespace lama {

namespace {

constexpr cuda::Address kAlignment = 256;  // of what TensorRT is given as it is (NvInferRuntime.h, setTensorAddress)

cuda::Address address(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

bool overlap(cuda::Address one, size_t bytes, cuda::Address other, size_t other_bytes) {
  return one < other + other_bytes && other < one + bytes;
}

}  // namespace

Lane::Lane(const Engine &engine, int graphs, const Log &log)
    : engine_(engine),
      most_slots_(size_t(std::max(1, graphs))),
      in_place_(graphs == 0),
      log_(log),
      captures_(graphs > 0 && !kIsRtx) {}

void Lane::run(int profile, const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) {
  const Sizes sizes = sizes_of(shape);
  Slot &slot = slot_for(profile, shape);
  if (!slot.staging) slot.staging = std::make_unique<cuda::HostMemory>(2 * sizes.image + sizes.mask);
  const cuda::Address staged = address(slot.staging->data());
  read(slot, images, masks);
  stream_.copy(slot.image.address(), staged, sizes.image);
  stream_.copy(slot.mask.address(), staged + sizes.image, sizes.mask);
  compute(slot);
  stream_.copy(staged + sizes.image + sizes.mask, slot.result.address(), sizes.image);
  stream_.synchronize();
  write(slot, results);
}

void Lane::run_on_device(int profile, const Shape &shape, const Places &places, cuda::Stream caller) {
  const Sizes sizes = sizes_of(shape);
  const bool aligned =
      places.image % kAlignment == 0 && places.mask % kAlignment == 0 && places.result % kAlignment == 0;
  const bool apart = !overlap(places.result, sizes.image, places.image, sizes.image) &&
                     !overlap(places.result, sizes.image, places.mask, sizes.mask);
  Slot *slot = in_place_ && aligned && apart ? nullptr : &slot_for(profile, shape);
  try {
    stream_.follow(caller);
    slot ? run_copied(*slot, places) : enqueue(context_of(profile), shape, places);
    stream_.precede(caller);
  } catch (...) {
    stream_.settle();  // what the caller frees now, nothing reads
    throw;
  }
}

void Lane::run_copied(Slot &slot, const Places &places) {
  const Sizes sizes = sizes_of(slot.shape);
  stream_.copy(slot.image.address(), places.image, sizes.image);
  stream_.copy(slot.mask.address(), places.mask, sizes.mask);
  compute(slot);
  stream_.copy(places.result, slot.result.address(), sizes.image);
}

Lane::Sizes Lane::sizes_of(const Shape &shape) const {
  const size_t values = size_t(pixels_of(shape)), bytes = engine_.floats() ? sizeof(float) : 1;
  return {3 * values * bytes, values * bytes};
}

Lane::Slot &Lane::slot_for(int profile, const Shape &shape) {
  const auto same = [&](const Slot &slot) { return slot.profile == profile && slot.shape == shape; };
  const auto found = std::find_if(slots_.begin(), slots_.end(), same);
  if (found != slots_.end()) {
    slots_.splice(slots_.begin(), slots_, found);
    return slots_.front();
  }
  forget(most_slots_ - 1);
  try {
    slots_.emplace_front(profile, shape, sizes_of(shape));
  } catch (const Error &error) {
    if (error.status != LAMA_OUT_OF_MEMORY || slots_.empty()) throw;
    forget(0);
    slots_.emplace_front(profile, shape, sizes_of(shape));
  }
  return slots_.front();
}

// All but the last used.
void Lane::forget(size_t kept) {
  if (slots_.size() > kept) stream_.synchronize();  // their buffers and graphs may be in use
  while (slots_.size() > kept) slots_.pop_back();
}

void Lane::compute(Slot &slot) {
  ++slot.uses;
  if (slot.graph) return slot.graph->launch(stream_.handle());
  ExecutionContext &context = context_for(slot);
  enqueue(context, slot.shape, slot.places());
  // After a run of the shape, in which TensorRT has done what cannot be captured.
  if (captures_ && slot.context) capture(slot);
}

// A graph holds on to what its context has set up for the shape, so no other shape may come to that one.
ExecutionContext &Lane::context_for(Slot &slot) {
  if (captures_ && slot.uses > 1 && !slot.context) {
    try {
      slot.context = std::make_unique<ExecutionContext>(engine_, slot.profile, stream_.handle());
    } catch (const Error &error) {
      give_up_graphs(error.what());
    }
  }
  return slot.context ? *slot.context : context_of(slot.profile);
}

ExecutionContext &Lane::context_of(int profile) {
  std::unique_ptr<ExecutionContext> &context = contexts_[profile];
  if (!context) context = std::make_unique<ExecutionContext>(engine_, profile, stream_.handle());
  return *context;
}

void Lane::enqueue(ExecutionContext &context, const Shape &shape, const Places &places) {
  require_scratch(context.scratch_for(shape));
  context.bind(places, *scratch_);
  context.enqueue();
}

void Lane::require_scratch(int64_t needed) {
  if (scratch_ && int64_t(scratch_->size()) >= needed) return;
  if (scratch_) stream_.synchronize();
  for (Slot &slot : slots_) slot.graph.reset();  // they hold the old block's address
  scratch_.reset();                              // freed before the next one is made
  scratch_ = std::make_unique<cuda::Memory>(size_t(needed));
}

void Lane::capture(Slot &slot) {
  for (const bool last : {false, true}) {
    try {
      slot.graph = stream_.capture([&] { slot.context->enqueue(); });
      return;
    } catch (const Error &error) {  // the first may be another library's doing, which waited for the device
      if (last) give_up_graphs(error.what());
    }
  }
}

void Lane::give_up_graphs(const std::string &reason) {
  captures_ = false;
  log_.warn("no CUDA graph (" + reason + "); running without graphs, right and slower");
}

void Lane::read(const Slot &slot, const uint8_t *images, const uint8_t *masks) const {
  const Sizes sizes = sizes_of(slot.shape);
  uint8_t *image = slot.staging->data(), *mask = image + sizes.image;
  if (engine_.floats()) {
    std::memcpy(image, unit_images(slot.shape, images).data(), sizes.image);
    std::memcpy(mask, unit_masks(slot.shape, masks).data(), sizes.mask);
  } else {
    std::memcpy(image, images, sizes.image);
    std::memcpy(mask, masks, sizes.mask);
  }
}

void Lane::write(const Slot &slot, uint8_t *results) const {
  const Sizes sizes = sizes_of(slot.shape);
  const uint8_t *result = slot.staging->data() + sizes.image + sizes.mask;
  if (engine_.floats())
    planes_to_bytes(slot.shape, reinterpret_cast<const float *>(result), results);
  else
    std::memcpy(results, result, sizes.image);
}

}  // namespace lama

#include "execute.h"

#include <chrono>
#include <vector>

#include "request.h"
#include "triton_errors.h"

namespace lama::triton {

namespace {

uint64_t now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

// Ends a call that nobody waits for any more.
int is_cancelled(void *user, size_t, size_t) {
  const auto &requests = *static_cast<const std::vector<Request *> *>(user);
  lama_error error;
  bool all = true;
  const lama_status status = guarded(&error, [&] {
    for (const Request *request : requests) all = all && request->is_cancelled();
  });
  return status == LAMA_OK && all;
}

lama_status run(lama_inpainter *inpainter, std::vector<Request *> requests, lama_error &error) {
  return guarded(&error, [&] {
    std::vector<lama_image> images, masks, outputs;
    for (Request *request : requests) request->add_views(images, masks, outputs);
    lama_call call;
    lama_call_init(&call, sizeof call);
    call.progress = is_cancelled, call.progress_user = &requests;
    lama_error said;
    if (lama_inpaint_batch(inpainter, images.size(), images.data(), masks.data(), outputs.data(), &call, &said))
      throw Error(said.status, said.message);
  });
}

void compute(lama_inpainter *inpainter, const std::vector<Request *> &requests) {
  lama_error error;
  if (requests.empty() || run(inpainter, requests, error) == LAMA_OK) return;
  if (requests.size() == 1) return requests[0]->fail(error);
  for (Request *request : requests) compute(inpainter, {request});
}

}  // namespace

void execute(TRITONBACKEND_ModelInstance *instance, lama_inpainter *inpainter, TRITONBACKEND_Request **requests,
             uint32_t count) {
  const uint64_t began = now();
  std::vector<Request> all;
  all.reserve(count);
  std::vector<Request *> open;
  for (uint32_t i = 0; i < count; ++i)
    if (all.emplace_back(requests[i]).is_open()) open.push_back(&all.back());
  const uint64_t compute_began = now();
  compute(inpainter, open);
  const uint64_t compute_ended = now();
  uint64_t pictures = 0;
  for (Request &request : all) {
    pictures += uint64_t(request.is_open() ? request.count() : 0);
    drop(TRITONBACKEND_ModelInstanceReportStatistics(instance, request.handle(), request.is_open(), began,
                                                     compute_began, compute_ended, now()));
    request.answer();
  }
  if (pictures > 0)
    drop(TRITONBACKEND_ModelInstanceReportBatchStatistics(instance, pictures, began, compute_began, compute_ended,
                                                          now()));
}

}  // namespace lama::triton

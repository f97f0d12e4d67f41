// A model that OpenVINO has compiled, and requests to it that are used in turn.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engines/interface.h"
#include "engines/openvino_api.h"
#include "shapes.h"

namespace lama {

using OvProperties = std::vector<std::pair<std::string, std::string>>;

// Sizes that "image" and "mask" are fixed to.
struct OvSizes {
  std::vector<int64_t> image, mask;
};

class OvCompiled {
 public:
  // xml: read now. weights: which lives as long as this. sizes: nullptr leaves them open. Throws OvFailure.
  OvCompiled(const OpenVinoApi &api, const std::string &xml, std::shared_ptr<const std::string> weights,
             const OvProperties &properties, const OvSizes *sizes = nullptr);

  std::vector<ModelValue> values() const;  // inputs, then outputs. Throws OvFailure.

  // So many requests, which makes run() ready. Throws OvFailure.
  int make_requests();

  // Computes `result` of contiguous inputs, and gives it to take_result. Waits for a free request where more threads
  // call than there are requests. Throws OvFailure and what take_result throws.
  void run(const Shape &shape, const std::string &io, const void *image, const void *mask, uint8_t *results);

 private:
  class Lease;

  ModelValue described(ov::ConstPort *port) const;
  void read_result(const ov::InferRequest *request, const Shape &shape, const std::string &io, uint8_t *results) const;

  const OpenVinoApi &api_;
  const std::shared_ptr<const std::string> weights_;
  OvOwned<ov::CompiledModel> model_;
  std::vector<OvOwned<ov::InferRequest>> requests_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<ov::InferRequest *> idle_;
};

}  // namespace lama

// A model of Triton's: a bundle, opened once for all of its instances on the CPU, and once for those of each GPU.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "settings.h"
#include "triton_abi.h"

namespace lama::triton {

struct Close {
  void operator()(lama_inpainter *inpainter) const { lama_free(inpainter); }
};

class Model {
 public:
  // Throws what read_settings does.
  explicit Model(TRITONBACKEND_Model *model);

  // device: of a GPU, -1 for the CPU. As many pictures are computed at the same time as there are instances, unless the
  // parameter `streams` says otherwise. Throws what lama_load fails for.
  lama_inpainter *inpainter(int device);

 private:
  using Inpainter = std::unique_ptr<lama_inpainter, Close>;

  Inpainter open(int device) const;

  std::string name_, folder_;
  Settings settings_;
  std::mutex mutex_;
  std::map<int, Inpainter> opened_;
};

}  // namespace lama::triton

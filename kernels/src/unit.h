// The two implementations of the unit behind one contract.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "description.h"

namespace lama {

// Constants and handles of one plan on one device. run is const and may be called from several threads at once.
class Unit {
 public:
  virtual ~Unit() = default;
  // workspace: as many bytes as the implementation's layout in workspace_layout.h says.
  virtual Status run(const lama_spectral_arguments &arguments, unsigned char *workspace, cudaStream_t stream) const = 0;
};

// On the current device, for descriptions that check() passed.
Status make_tensor_core_unit(const Description &desc, std::unique_ptr<Unit> *unit);
Status make_cufft_unit(const Description &desc, std::unique_ptr<Unit> *unit);

}  // namespace lama

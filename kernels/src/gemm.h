// out = relu(in @ weight^T + bias), row-major, products in float32.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "status.h"

namespace lama {

struct GemmArguments {
  const void *in;      // rows x channels
  const void *weight;  // channels x channels, row by output
  const void *bias;    // channels
  void *out;           // rows x channels
  void *workspace;
};

// Enqueued from several threads at once.
class BiasReluGemm {
 public:
  virtual ~BiasReluGemm() = default;
  virtual Status run(const GemmArguments &arguments, cudaStream_t stream) const = 0;
};

// All operands of `dtype`, on the current device.
Status make_gemm(size_t rows, int channels, lama_spectral_dtype dtype, size_t workspace_bytes,
                 std::unique_ptr<BiasReluGemm> *gemm);

}  // namespace lama

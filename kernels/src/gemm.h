// out = relu(in @ weight^T + bias), row-major, products in float32.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

#include "status.h"

namespace lama {

struct GemmShape {
  size_t rows;
  int channels;
  int64_t pitch;  // values from one row of in and out to the next
  lama_spectral_dtype dtype;
};

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

// All operands of one dtype, on the current device.
Status make_gemm(const GemmShape &shape, size_t workspace_bytes, std::unique_ptr<BiasReluGemm> *gemm);

}  // namespace lama

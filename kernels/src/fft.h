// Two-dimensional float32 transforms of many planes, unnormalised, in a workspace of the caller's.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "status.h"

namespace lama {

// Enqueued from several threads at once, each call with a workspace of its own.
class PlanarFft {
 public:
  virtual ~PlanarFft() = default;
  // in: planes x height x width; out: planes x height x (width / 2 + 1).
  virtual Status forward(float *in, float2 *out, void *workspace, cudaStream_t stream) const = 0;
  // The reverse; columns 0 and width/2 must be Hermitian. Overwrites `in`.
  virtual Status inverse(float2 *in, float *out, void *workspace, cudaStream_t stream) const = 0;
};

// Within `workspace_bytes`, on the current device. UNSUPPORTED where one plane alone needs more.
Status make_planar_fft(int planes, int height, int width, size_t workspace_bytes, std::unique_ptr<PlanarFft> *fft);

}  // namespace lama

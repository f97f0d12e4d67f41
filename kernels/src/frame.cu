#include "lama/frame.h"

#include "cuda_status.h"
#include "frame_program.h"
#include "launch.h"

namespace {

using lama::fail;
using lama::Status;

Status check(const lama_frame_desc *desc, const void *first, const void *second, const void *frame) {
  if (desc == nullptr || first == nullptr || frame == nullptr) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "desc, first and frame must not be NULL");
  }
  const lama_frame_desc &d = *desc;
  if (d.batch < 1 || d.height < 1 || d.width < 1 || d.first_channels < 1 || d.second_channels < 0) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT,
                "a map of %d x %d x %d with %d and %d channels; each must be at least 1", d.batch, d.height, d.width,
                d.first_channels, d.second_channels);
  }
  if (d.border < 0 || d.border >= d.height || d.border >= d.width) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "a border of %d; a map of %d x %d reflects at most %d pixels", d.border,
                d.height, d.width, (d.height < d.width ? d.height : d.width) - 1);
  }
  if ((second == nullptr) != (d.second_channels == 0)) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "second_channels is %d and second is %s NULL", d.second_channels,
                second == nullptr ? "" : "not");
  }
  if (d.split < 0 || d.split > d.first_channels + d.second_channels) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "a split at channel %d; the frame has %d", d.split,
                d.first_channels + d.second_channels);
  }
  if (d.dtype < LAMA_SPECTRAL_FLOAT32 || d.dtype > LAMA_SPECTRAL_BFLOAT16) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "dtype %d is unknown; allowed: 0 float32, 1 float16, 2 bfloat16",
                int(d.dtype));
  }
  const double values = double(d.batch) * (d.height + 2.0 * d.border) * (d.width + 2.0 * d.border) *
                        (double(d.first_channels) + d.second_channels);
  if (values >= 2147483648.0) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "the frame has 2^31 values or more; split the batch");
  }
  return LAMA_SPECTRAL_OK;
}

bool aligned(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
}

template <class T, int kVector>
Status update(const lama::FrameParameters &p, cudaStream_t stream) {
  using Program = lama::FrameProgram<T, kVector>;
  const size_t items = size_t(p.pixels) * (p.channels / kVector);
  const dim3 grid(unsigned((items + Program::kThreads - 1) / Program::kThreads));
  return lama::cuda_status(lama::launch<Program>(grid, 0, stream, p), "launch of a frame's update");
}

template <class T>
Status update(const lama::FrameParameters &p, cudaStream_t stream) {
  constexpr int kVector = 16 / sizeof(T);
  const bool whole = p.first_channels % kVector == 0 && p.channels % kVector == 0 && p.split % kVector == 0 &&
                     aligned(p.first) && aligned(p.second) && aligned(p.bias) && aligned(p.frame) &&
                     aligned(p.leading) && aligned(p.rest);
  return whole ? update<T, kVector>(p, stream) : update<T, 1>(p, stream);
}

}  // namespace

extern "C" lama_spectral_status lama_frame_update(const lama_frame_desc *desc, const void *first, const void *second,
                                                  const void *bias, void *frame, void *leading, void *rest,
                                                  void *stream) {
  LAMA_RETURN_IF_FAILED(check(desc, first, second, frame));
  const lama::FrameParameters p{first,
                                second,
                                bias,
                                frame,
                                leading,
                                rest,
                                desc->height,
                                desc->width,
                                desc->first_channels,
                                desc->first_channels + desc->second_channels,
                                desc->border,
                                desc->split,
                                desc->batch * desc->height * desc->width,
                                desc->relu != 0,
                                desc->accumulate != 0};
  const auto on = static_cast<cudaStream_t>(stream);
  switch (desc->dtype) {
    case LAMA_SPECTRAL_FLOAT32:
      return update<float>(p, on);
    case LAMA_SPECTRAL_FLOAT16:
      return update<__half>(p, on);
    default:
      return update<__nv_bfloat16>(p, on);
  }
}

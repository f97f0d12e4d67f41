// cuFFT between copies that convert: pixels -> planes, transform, planes -> packed spectrum, mixing by cuBLASLt, and
// back. Transforms are float32. The packed spectrum is normalised by 1 / (h w), as in tensor_core_unit.cu, for the same
// reason.
#include <cmath>

#include "cuda_status.h"
#include "fft.h"
#include "gemm.h"
#include "launch.h"
#include "transpose_program.h"
#include "unit.h"
#include "workspace_layout.h"

namespace lama {
namespace {

template <class T, bool kChannelsLast>
class CufftUnit final : public Unit {
 public:
  explicit CufftUnit(const Description &desc) : desc_(desc), layout_(desc) {}

  Status prepare() {
    LAMA_RETURN_IF_FAILED(
        make_planar_fft(desc_.batch * desc_.channels, desc_.height, desc_.width, layout_.end - layout_.fft, &fft_));
    return make_gemm(spectrum_points(desc_), 2 * desc_.channels, desc_.dtype, CufftLayout::kGemmBytes, &gemm_);
  }

  Status run(const lama_spectral_arguments &arguments, unsigned char *workspace, cudaStream_t stream) const override {
    auto *reals = reinterpret_cast<float *>(workspace + layout_.reals);
    auto *complexes = reinterpret_cast<float2 *>(workspace + layout_.complexes);
    unsigned char *packed = workspace + layout_.packed, *mixed = workspace + layout_.mixed;
    unsigned char *bias = workspace + layout_.bias, *fft = workspace + layout_.fft;
    LAMA_RETURN_IF_FAILED(read(arguments, reals, bias, stream));
    LAMA_RETURN_IF_FAILED(fft_->forward(reals, complexes, fft, stream));
    LAMA_RETURN_IF_FAILED(pack(complexes, packed, stream));
    LAMA_RETURN_IF_FAILED(gemm_->run({packed, arguments.weight, bias, mixed, workspace + layout_.gemm}, stream));
    LAMA_RETURN_IF_FAILED(unpack(mixed, complexes, stream));
    LAMA_RETURN_IF_FAILED(fft_->inverse(complexes, reals, fft, stream));
    return write(reals, arguments, stream);
  }

 private:
  Status read(const lama_spectral_arguments &arguments, float *reals, void *bias, cudaStream_t stream) const {
    TransposeParameters p = parameters(arguments.x, reals, desc_.height * desc_.width);
    p.bias = arguments.bias;
    p.scaled_bias = bias;
    p.bias_scale = float(1 / std::sqrt(double(desc_.height) * desc_.width));
    return copy<copying::FromPixels<T, kChannelsLast>, copying::ToPlanes<float>>(p, stream);
  }
  Status pack(const float2 *complexes, void *packed, cudaStream_t stream) const {
    TransposeParameters p = parameters(complexes, packed, desc_.height * half_width(desc_));
    p.scale = float(1 / (double(desc_.height) * desc_.width));
    return copy<copying::FromPlanes<float2>, copying::ToPacked<T>>(p, stream);
  }
  Status unpack(const void *mixed, float2 *complexes, cudaStream_t stream) const {
    const TransposeParameters p = parameters(mixed, complexes, desc_.height * half_width(desc_));
    return copy<copying::FromMixed<T>, copying::ToPlanes<float2>>(p, stream);
  }
  Status write(const float *reals, const lama_spectral_arguments &arguments, cudaStream_t stream) const {
    TransposeParameters p = parameters(reals, arguments.y, desc_.height * desc_.width);
    p.residual = arguments.residual;
    return copy<copying::FromPlanes<float>, copying::ToPixels<T, kChannelsLast>>(p, stream);
  }

  TransposeParameters parameters(const void *in, void *out, int points) const {
    TransposeParameters p{};
    p.in = in;
    p.out = out;
    p.batch = desc_.batch;
    p.channels = desc_.channels;
    p.height = desc_.height;
    p.width = desc_.width;
    p.points = points;
    p.scale = 1;
    return p;
  }

  template <class Source, class Destination>
  static Status copy(const TransposeParameters &p, cudaStream_t stream) {
    using Program = TransposeProgram<T, Source, Destination>;
    const auto tiles = [](int items) { return unsigned((items + Program::kTile - 1) / Program::kTile); };
    const dim3 grid(unsigned(p.batch) * tiles(p.channels) * tiles(p.points));
    return cuda_status(launch<Program>(grid, Program::kSharedBytes, stream, p), "launch of a copy");
  }

  const Description desc_;
  const CufftLayout layout_;
  std::unique_ptr<PlanarFft> fft_;
  std::unique_ptr<BiasReluGemm> gemm_;
};

template <class T, bool kChannelsLast>
Status make(const Description &desc, std::unique_ptr<Unit> *unit) {
  auto made = std::make_unique<CufftUnit<T, kChannelsLast>>(desc);
  LAMA_RETURN_IF_FAILED(made->prepare());
  *unit = std::move(made);
  return LAMA_SPECTRAL_OK;
}

template <class T>
Status make(const Description &desc, std::unique_ptr<Unit> *unit) {
  return desc.layout == LAMA_SPECTRAL_NHWC ? make<T, true>(desc, unit) : make<T, false>(desc, unit);
}

}  // namespace

Status make_cufft_unit(const Description &desc, std::unique_ptr<Unit> *unit) {
  switch (desc.dtype) {
    case LAMA_SPECTRAL_FLOAT32:
      return make<float>(desc, unit);
    case LAMA_SPECTRAL_FLOAT16:
      return make<__half>(desc, unit);
    default:
      return make<__nv_bfloat16>(desc, unit);
  }
}

}  // namespace lama

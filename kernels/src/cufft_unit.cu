// cuFFT between copies that convert: pixels -> planes, transform, planes -> packed spectrum, mixing by cuBLASLt, and
// back. Transforms are float32. The packed spectrum has the scales of tensor_core_unit.cu's; since cuBLASLt knows one
// bias for all points, the images' means, which have another one, are mixed once more where there is a gain (gain.h).
#include "cuda_status.h"
#include "fft.h"
#include "gain.h"
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
  explicit CufftUnit(const Description &desc) : desc_(desc), layout_(desc), gain_(spectrum_gain(desc)) {}

  Status prepare() {
    LAMA_RETURN_IF_FAILED(
        make_planar_fft(desc_.batch * desc_.channels, desc_.height, desc_.width, layout_.end - layout_.fft, &fft_));
    const int channels = 2 * desc_.channels, points = desc_.height * half_width(desc_);
    if (gain_ != 1) {
      LAMA_RETURN_IF_FAILED(make_gemm({size_t(desc_.batch), channels, int64_t(points) * channels, desc_.dtype},
                                      CufftLayout::kGemmBytes, &gemm_of_means_));
    }
    return make_gemm({spectrum_points(desc_), channels, channels, desc_.dtype}, CufftLayout::kGemmBytes, &gemm_);
  }

  Status run(const lama_spectral_arguments &arguments, unsigned char *workspace, cudaStream_t stream) const override {
    auto *reals = reinterpret_cast<float *>(workspace + layout_.reals);
    auto *complexes = reinterpret_cast<float2 *>(workspace + layout_.complexes);
    unsigned char *packed = workspace + layout_.packed, *mixed = workspace + layout_.mixed;
    unsigned char *bias = workspace + layout_.bias, *mean_bias = workspace + layout_.mean_bias;
    unsigned char *fft = workspace + layout_.fft, *gemm = workspace + layout_.gemm;
    LAMA_RETURN_IF_FAILED(read(arguments, reals, bias, mean_bias, stream));
    LAMA_RETURN_IF_FAILED(fft_->forward(reals, complexes, fft, stream));
    LAMA_RETURN_IF_FAILED(pack(complexes, packed, stream));
    LAMA_RETURN_IF_FAILED(gemm_->run({packed, arguments.weight, bias, mixed, gemm}, stream));
    if (gemm_of_means_ != nullptr) {
      LAMA_RETURN_IF_FAILED(gemm_of_means_->run({packed, arguments.weight, mean_bias, mixed, gemm}, stream));
    }
    LAMA_RETURN_IF_FAILED(unpack(mixed, complexes, stream));
    LAMA_RETURN_IF_FAILED(fft_->inverse(complexes, reals, fft, stream));
    return write(reals, arguments, stream);
  }

 private:
  Status read(const lama_spectral_arguments &arguments, float *reals, void *bias, void *mean_bias,
              cudaStream_t stream) const {
    TransposeParameters p = parameters(arguments.x, reals, desc_.height * desc_.width);
    p.bias = arguments.bias;
    p.scaled_bias = bias;
    p.mean_bias = mean_bias;
    p.mean_bias_scale = mean_bias_scale(desc_);
    p.bias_scale = gain_ * p.mean_bias_scale;
    return copy<copying::FromPixels<T, kChannelsLast>, copying::ToPlanes<float>>(p, stream);
  }
  Status pack(const float2 *complexes, void *packed, cudaStream_t stream) const {
    TransposeParameters p = parameters(complexes, packed, desc_.height * half_width(desc_));
    p.mean_scale = float(1 / (double(desc_.height) * desc_.width));
    p.scale = gain_ * p.mean_scale;
    return copy<copying::FromPlanes<float2>, copying::ToPacked<T>>(p, stream);
  }
  Status unpack(const void *mixed, float2 *complexes, cudaStream_t stream) const {
    TransposeParameters p = parameters(mixed, complexes, desc_.height * half_width(desc_));
    p.scale = 1 / gain_;
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
    p.scale = p.mean_scale = 1;
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
  const float gain_;
  std::unique_ptr<BiasReluGemm> gemm_, gemm_of_means_;
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

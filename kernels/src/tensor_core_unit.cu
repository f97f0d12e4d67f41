// Five products: rows, columns, mixing, columns back, rows back. Spectra stay in the tensors' 16-bit type, normalised
// by 1 / (h w) forward and 1 backward, but for a gain between the columns' transforms (gain.h). The bias is scaled to
// match.
#include "cuda_status.h"
#include "dft_program.h"
#include "gain.h"
#include "launch.h"
#include "mixing_program.h"
#include "unit.h"
#include "upload.h"
#include "workspace_layout.h"

namespace lama {
namespace {

constexpr size_t kEnoughBlocks = 264;  // for the large mixing tile: two on each multiprocessor of the largest devices

unsigned blocks(size_t items, int each) {
  return unsigned((items + each - 1) / each);
}

// The table of one axis in device memory.
class DeviceTable {
 public:
  DeviceTable() = default;
  DeviceTable(const DeviceTable &) = delete;
  DeviceTable &operator=(const DeviceTable &) = delete;
  ~DeviceTable() { cudaFree(memory_); }

  Status upload(int length, bool bfloat16) {
    const std::vector<uint16_t> table = dft_table(length, bfloat16);
    const size_t bytes = table.size() * sizeof table[0];
    LAMA_RETURN_IF_FAILED(cuda_status(cudaMalloc(&memory_, bytes), "memory for DFT tables"));
    return lama::upload(memory_, table.data(), bytes, "upload of DFT tables");
  }
  const uint4 *get() const { return static_cast<const uint4 *>(memory_); }

 private:
  void *memory_ = nullptr;
};

template <class T, bool kChannelsLast>
class TensorCoreUnit final : public Unit {
  using RowForward = dft::RowForward<T, kChannelsLast>;
  using Column = dft::Column<T>;
  using RowInverse = dft::RowInverse<T, kChannelsLast>;
  using SmallMixing = MixingProgram<T, 64, 64>;
  using LargeMixing = MixingProgram<T, 128, 128>;

 public:
  explicit TensorCoreUnit(const Description &desc) : desc_(desc) {}

  Status prepare() {
    const bool bfloat16 = desc_.dtype == LAMA_SPECTRAL_BFLOAT16;
    LAMA_RETURN_IF_FAILED(along_w_.upload(desc_.width, bfloat16));
    LAMA_RETURN_IF_FAILED(along_h_.upload(desc_.height, bfloat16));
    LAMA_RETURN_IF_FAILED(allow<RowForward>(desc_.width));
    LAMA_RETURN_IF_FAILED(allow<Column>(desc_.height));
    LAMA_RETURN_IF_FAILED(allow<RowInverse>(desc_.width));
    LAMA_RETURN_IF_FAILED(allow_shared<SmallMixing>(SmallMixing::kSharedBytes));
    return allow_shared<LargeMixing>(LargeMixing::kSharedBytes);
  }

  Status run(const lama_spectral_arguments &arguments, unsigned char *workspace, cudaStream_t stream) const override {
    const TensorCoreLayout layout(desc_);
    unsigned char *first = workspace + layout.first, *second = workspace + layout.second;
    const size_t rows = size_t(desc_.batch) * desc_.height, columns = size_t(desc_.batch) * half_width(desc_);
    LAMA_RETURN_IF_FAILED(transform<RowForward>(along_w(arguments.x, first, false), rows, stream));
    LAMA_RETURN_IF_FAILED(transform<Column>(along_h(first, second, false), columns, stream));
    LAMA_RETURN_IF_FAILED(mix(arguments, second, first, stream));
    LAMA_RETURN_IF_FAILED(transform<Column>(along_h(first, second, true), columns, stream));
    DftParameters last = along_w(second, arguments.y, true);
    last.residual = arguments.residual;
    return transform<RowInverse>(last, rows, stream);
  }

 private:
  DftParameters along_w(const void *in, void *out, bool backward) const {
    return parameters(along_w_, in, out, desc_.width, desc_.channels, 1, backward);
  }
  DftParameters along_h(const void *in, void *out, bool backward) const {
    const float gain = spectrum_gain(desc_);
    return parameters(along_h_, in, out, desc_.height, 2 * desc_.channels, backward ? 1 / gain : gain, backward);
  }
  DftParameters parameters(const DeviceTable &table, const void *in, void *out, int length, int columns, float gain,
                           bool backward) const {
    const float scale = backward ? 1.0f : 1.0f / float(length);
    return {table.get(),    in,     nullptr, out,          desc_.height, desc_.width,
            desc_.channels, length, columns, gain * scale, scale,        backward};
  }

  template <class Pass>
  static Status allow(int length) {
    return dft::warps(length) == 4 ? allow_shared<DftProgram<T, Pass, 4>>(dft::shared_bytes(length, 4))
                                   : allow_shared<DftProgram<T, Pass, 2>>(dft::shared_bytes(length, 2));
  }

  template <class Pass>
  static Status transform(const DftParameters &p, size_t lines, cudaStream_t stream) {
    return dft::warps(p.length) == 4 ? transform_by<Pass, 4>(p, lines, stream)
                                     : transform_by<Pass, 2>(p, lines, stream);
  }
  template <class Pass, int kWarps>
  static Status transform_by(const DftParameters &p, size_t lines, cudaStream_t stream) {
    const dim3 grid(unsigned(lines), blocks(p.columns, dft::columns(kWarps)));
    const cudaError_t error = launch<DftProgram<T, Pass, kWarps>>(grid, dft::shared_bytes(p.length, kWarps), stream, p);
    return cuda_status(error, "launch of a transform");
  }

  Status mix(const lama_spectral_arguments &arguments, const void *z, void *out, cudaStream_t stream) const {
    const int channels = 2 * desc_.channels;
    const size_t rows = spectrum_points(desc_);
    const float scale = mean_bias_scale(desc_);
    const MixingParameters p{z,         arguments.weight, arguments.bias,          out,
                             int(rows), channels,         int(rows) / desc_.batch, spectrum_gain(desc_) * scale,
                             scale};
    const bool large = size_t(blocks(rows, 128)) * blocks(channels, 128) >= kEnoughBlocks;
    return large ? mix_by<LargeMixing, 128>(p, stream) : mix_by<SmallMixing, 64>(p, stream);
  }
  template <class Program, int kSide>
  static Status mix_by(const MixingParameters &p, cudaStream_t stream) {
    const dim3 grid(blocks(p.rows, kSide), blocks(p.channels, kSide));
    return cuda_status(launch<Program>(grid, Program::kSharedBytes, stream, p), "launch of the mixing");
  }

  const Description desc_;
  DeviceTable along_w_, along_h_;
};

template <class T, bool kChannelsLast>
Status make(const Description &desc, std::unique_ptr<Unit> *unit) {
  auto made = std::make_unique<TensorCoreUnit<T, kChannelsLast>>(desc);
  LAMA_RETURN_IF_FAILED(made->prepare());
  *unit = std::move(made);
  return LAMA_SPECTRAL_OK;
}

}  // namespace

Status make_tensor_core_unit(const Description &desc, std::unique_ptr<Unit> *unit) {
  const bool last = desc.layout == LAMA_SPECTRAL_NHWC;
  if (desc.dtype == LAMA_SPECTRAL_FLOAT16)
    return last ? make<__half, true>(desc, unit) : make<__half, false>(desc, unit);
  return last ? make<__nv_bfloat16, true>(desc, unit) : make<__nv_bfloat16, false>(desc, unit);
}

}  // namespace lama

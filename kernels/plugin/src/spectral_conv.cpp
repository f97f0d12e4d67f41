#include "spectral_conv.h"

#include <algorithm>
#include <exception>
#include <new>

#include "log.h"
#include "tensor_description.h"
#include "tensorrt_version.h"

using nvinfer1::DynamicPluginTensorDesc;
using nvinfer1::PluginCapabilityType;
using nvinfer1::PluginTensorDesc;

namespace lama {
namespace {

enum Input { kX, kWeight, kBias, kFirstIgnored };

// TensorRT does not say how it aligns workspaces, so room to align one is asked for.
constexpr size_t kSlack = LAMA_SPECTRAL_ALIGNMENT - 1;

void *aligned(void *workspace) {
  const auto address = reinterpret_cast<uintptr_t>(workspace) + kSlack;
  return reinterpret_cast<void *>(address - address % LAMA_SPECTRAL_ALIGNMENT);
}

Status check_weights(const PluginTensorDesc &x, const PluginTensorDesc &weight, const PluginTensorDesc &bias) {
  const int64_t twice = 2 * x.dims.d[1];
  if (weight.dims.nbDims >= 2 && weight.dims.d[0] == twice && weight.dims.d[1] == twice && bias.dims.nbDims == 1 &&
      bias.dims.d[0] == twice) {
    return LAMA_SPECTRAL_OK;
  }
  return fail(LAMA_SPECTRAL_INVALID_ARGUMENT,
              "x has %lld channels; then weight is %lld x %lld x 1 x 1 and bias has %lld",
              static_cast<long long>(x.dims.d[1]), static_cast<long long>(twice), static_cast<long long>(twice),
              static_cast<long long>(twice));
}

Status check_counts(int32_t input_count, int32_t output_count) {
  if (input_count >= kFirstIgnored && output_count == 1) return LAMA_SPECTRAL_OK;
  return fail(LAMA_SPECTRAL_INVALID_ARGUMENT,
              "it takes x, weight, bias and gives y; the node has %d inputs, %d outputs", input_count, output_count);
}

}  // namespace

SpectralConv::SpectralConv(lama_spectral_backend backend, int32_t tactic)
    : backend_(backend),
      tactic_(tactic),
      field_(kBackendField, &backend_, nvinfer1::PluginFieldType::kINT32, 1),
      serialised_{1, &field_} {}

nvinfer1::IPluginCapability *SpectralConv::getCapabilityInterface(PluginCapabilityType type) noexcept {
  switch (type) {
    case PluginCapabilityType::kCORE:
      return static_cast<nvinfer1::IPluginV3OneCore *>(this);
    case PluginCapabilityType::kBUILD:
      return static_cast<nvinfer1::IPluginV3OneBuild *>(this);
    case PluginCapabilityType::kRUNTIME:
      return static_cast<nvinfer1::IPluginV3OneRuntime *>(this);
  }
  return nullptr;
}

nvinfer1::IPluginV3 *SpectralConv::clone() noexcept {
  return new (std::nothrow) SpectralConv(lama_spectral_backend(backend_), tactic_);
}

int32_t SpectralConv::getOutputDataTypes(nvinfer1::DataType *outputs, int32_t output_count,
                                         const nvinfer1::DataType *inputs, int32_t input_count) const noexcept {
  const Status status = check_counts(input_count, output_count);
  if (status == LAMA_SPECTRAL_OK) outputs[0] = inputs[kX];
  return report(status);
}

int32_t SpectralConv::getOutputShapes(const nvinfer1::DimsExprs *inputs, int32_t input_count,
                                      const nvinfer1::DimsExprs *, int32_t, nvinfer1::DimsExprs *outputs,
                                      int32_t output_count, nvinfer1::IExprBuilder &) noexcept {
  const Status status = check_counts(input_count, output_count);
  if (status == LAMA_SPECTRAL_OK) outputs[0] = inputs[kX];
  return report(status);
}

bool SpectralConv::supportsFormatCombination(int32_t position, const DynamicPluginTensorDesc *tensors,
                                             int32_t input_count, int32_t output_count) noexcept {
  if (input_count < kFirstIgnored || output_count != 1) return false;
  const PluginTensorDesc &x = tensors[kX].desc, &asked = tensors[position].desc;
  if (position == kX) return takes(x, is_rtx(tensorrt_version_at(__builtin_return_address(0))));
  if (position == input_count) return asked.type == x.type && asked.format == x.format;
  const bool type_fits = position >= kFirstIgnored || asked.type == x.type;
  return type_fits && asked.format == nvinfer1::TensorFormat::kLINEAR;
}

Status SpectralConv::workspace_size(const DynamicPluginTensorDesc &x, size_t *bytes) const {
  lama_spectral_desc smallest, largest;
  const auto backend = lama_spectral_backend(backend_);
  LAMA_RETURN_IF_FAILED(describe(x.desc, x.min, backend, &smallest));
  LAMA_RETURN_IF_FAILED(describe(x.desc, x.max, backend, &largest));
  LAMA_RETURN_IF_FAILED(lama_spectral_workspace_size_range(&smallest, &largest, bytes));
  *bytes += kSlack;
  return LAMA_SPECTRAL_OK;
}

int32_t SpectralConv::configurePlugin(const DynamicPluginTensorDesc *inputs, int32_t input_count,
                                      const DynamicPluginTensorDesc *, int32_t output_count) noexcept {
  const bool for_rtx = is_rtx(tensorrt_version_at(__builtin_return_address(0)));
  tactic_count_ = 0;
  size_t bytes = 0;
  Status status = check_counts(input_count, output_count);
  if (status == LAMA_SPECTRAL_OK) {
    status = check_weights(inputs[kX].desc, inputs[kWeight].desc, inputs[kBias].desc);
  }
  // getWorkspaceSize has no way to fail; this has.
  if (status == LAMA_SPECTRAL_OK) status = workspace_size(inputs[kX], &bytes);
  if (status == LAMA_SPECTRAL_OK && backend_ == LAMA_SPECTRAL_AUTO && !for_rtx) find_tactics(inputs[kX]);
  return report(status);
}

// Those that compute every shape of the profile on this GPU, with the libraries that are here. A tactic that fails when
// it is timed would end the build. With one of them there is nothing to time: that one it is.
void SpectralConv::find_tactics(const DynamicPluginTensorDesc &x) noexcept {
  for (const int32_t backend : {LAMA_SPECTRAL_CUFFT, LAMA_SPECTRAL_TENSOR_CORE}) {
    lama_spectral_desc largest;
    size_t bytes = 0;
    const lama_spectral_plan *plan = nullptr;
    if (describe(x.desc, x.max, lama_spectral_backend(backend), &largest) != LAMA_SPECTRAL_OK ||
        lama_spectral_workspace_size(&largest, &bytes) != LAMA_SPECTRAL_OK ||
        plan_for(x.desc, x.opt, backend, &plan) != LAMA_SPECTRAL_OK) {
      continue;
    }
    tactics_[tactic_count_++] = backend;
  }
}

int32_t SpectralConv::getValidTactics(int32_t *tactics, int32_t count) noexcept {
  if (count != tactic_count_) {
    return report(fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "asked for %d tactics of %d", count, tactic_count_));
  }
  std::copy_n(tactics_.begin(), tactic_count_, tactics);
  return 0;
}

// What timings depend on besides shapes and formats, which TensorRT adds: the node's choice and these kernels.
const char *SpectralConv::getTimingCacheID() noexcept {
  static constexpr const char *ids[] = {LAMA_KERNELS_REVISION "-auto", LAMA_KERNELS_REVISION "-cufft",
                                        LAMA_KERNELS_REVISION "-tensor-cores"};
  return ids[backend_];
}

int32_t SpectralConv::setTactic(int32_t tactic) noexcept {
  if (tactic < LAMA_SPECTRAL_AUTO || tactic > LAMA_SPECTRAL_TENSOR_CORE) {
    return report(
        fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "tactic %d is none of 0, 1 (cuFFT) and 2 (tensor cores)", tactic));
  }
  tactic_ = tactic;
  const lama_spectral_plan *plan = nullptr;  // for a shape that came before its tactic: enqueue prepares nothing
  return x_.dims.nbDims == 0 ? 0 : report(plan_for(x_, &plan));
}

size_t SpectralConv::getWorkspaceSize(const DynamicPluginTensorDesc *inputs, int32_t, const DynamicPluginTensorDesc *,
                                      int32_t) const noexcept {
  size_t bytes = 0;
  return report(workspace_size(inputs[kX], &bytes)) == 0 ? bytes : 0;
}

Status SpectralConv::plan_for(const PluginTensorDesc &x, const nvinfer1::Dims &dims, int32_t backend,
                              const lama_spectral_plan **plan) noexcept try {
  lama_spectral_desc desc;
  LAMA_RETURN_IF_FAILED(describe(x, dims, lama_spectral_backend(backend), &desc));
  return plans_.get(desc, plan);
} catch (const std::exception &error) {
  return fail(LAMA_SPECTRAL_OUT_OF_MEMORY, "no plan: %s", error.what());
}

// Where the engine has come to a machine without its tactic's libraries, the node's own choice takes over, which knows
// another way. Workspaces are for that.
Status SpectralConv::plan_for(const PluginTensorDesc &x, const lama_spectral_plan **plan) noexcept {
  if (tactic_ != 0) {
    const Status status = plan_for(x, x.dims, tactic_, plan);
    if (status != LAMA_SPECTRAL_LIBRARY_MISSING) return status;
    warn_of_another_way();
    tactic_ = 0;
  }
  return plan_for(x, x.dims, backend_, plan);
}

int32_t SpectralConv::onShapeChange(const PluginTensorDesc *inputs, int32_t, const PluginTensorDesc *,
                                    int32_t) noexcept {
  const lama_spectral_plan *plan = nullptr;
  x_ = inputs[kX];
  return report(plan_for(x_, &plan));
}

int32_t SpectralConv::enqueue(const PluginTensorDesc *input_descs, const PluginTensorDesc *, const void *const *inputs,
                              void *const *outputs, void *workspace, cudaStream_t stream) noexcept {
  const lama_spectral_plan *plan = nullptr;  // of a shape that onShapeChange has seen: found, not made
  const Status status = plan_for(input_descs[kX], &plan);
  if (status != LAMA_SPECTRAL_OK) return report(status);
  const lama_spectral_arguments run = {inputs[kX], inputs[kWeight], inputs[kBias], nullptr, outputs[0]};
  return report(lama_spectral_run(plan, &run, aligned(workspace), lama_spectral_plan_workspace_size(plan), stream));
}

}  // namespace lama

// SpectralConv as a plugin of TensorRT: y = irfft2(relu(weight @ rfft2(x) + bias)).
//
// Inputs: x, weight, bias, and whatever else the ONNX node gives to engines without this plugin (DFT matrices), which
// is ignored. Weights are inputs of every run, so refitting an engine needs nothing of the plugin.
//
// cuFFT and the tensor cores are its tactics where the node leaves the choice: TensorRT times them on its GPU, for each
// profile at its best shape, and the engine holds the faster one. TensorRT-RTX times nothing, so it is offered none,
// and liblama_spectral's table chooses as a shape comes.
#pragma once

#include <array>

#include "plan_cache.h"
#include "tensorrt_interface.h"

namespace lama {

constexpr const char *kName = "SpectralConv", *kVersion = "1", *kNamespace = "", *kBackendField = "backend";

class SpectralConv final : public nvinfer1::IPluginV3,
                           public nvinfer1::IPluginV3OneCore,
                           public nvinfer1::IPluginV3OneBuild,
                           public nvinfer1::IPluginV3OneRuntime {
 public:
  explicit SpectralConv(lama_spectral_backend backend, int32_t tactic = 0);
  SpectralConv(const SpectralConv &) = delete;
  SpectralConv &operator=(const SpectralConv &) = delete;

  nvinfer1::IPluginCapability *getCapabilityInterface(nvinfer1::PluginCapabilityType type) noexcept override;
  nvinfer1::IPluginV3 *clone() noexcept override;

  const char *getPluginName() const noexcept override { return kName; }
  const char *getPluginVersion() const noexcept override { return kVersion; }
  const char *getPluginNamespace() const noexcept override { return kNamespace; }

  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t getOutputDataTypes(nvinfer1::DataType *outputs, int32_t output_count, const nvinfer1::DataType *inputs,
                             int32_t input_count) const noexcept override;
  int32_t getOutputShapes(const nvinfer1::DimsExprs *inputs, int32_t input_count, const nvinfer1::DimsExprs *, int32_t,
                          nvinfer1::DimsExprs *outputs, int32_t output_count,
                          nvinfer1::IExprBuilder &) noexcept override;
  bool supportsFormatCombination(int32_t position, const nvinfer1::DynamicPluginTensorDesc *tensors,
                                 int32_t input_count, int32_t output_count) noexcept override;
  int32_t configurePlugin(const nvinfer1::DynamicPluginTensorDesc *inputs, int32_t input_count,
                          const nvinfer1::DynamicPluginTensorDesc *outputs, int32_t output_count) noexcept override;
  size_t getWorkspaceSize(const nvinfer1::DynamicPluginTensorDesc *inputs, int32_t,
                          const nvinfer1::DynamicPluginTensorDesc *, int32_t) const noexcept override;
  // Of the formats and profile of the last configurePlugin: numbers of lama_spectral_backend, none of which is 0.
  int32_t getNbTactics() noexcept override { return tactic_count_; }
  int32_t getValidTactics(int32_t *tactics, int32_t count) noexcept override;
  const char *getTimingCacheID() noexcept override;

  // 0: the node's own choice.
  int32_t setTactic(int32_t tactic) noexcept override;
  int32_t onShapeChange(const nvinfer1::PluginTensorDesc *inputs, int32_t, const nvinfer1::PluginTensorDesc *,
                        int32_t) noexcept override;
  int32_t enqueue(const nvinfer1::PluginTensorDesc *input_descs, const nvinfer1::PluginTensorDesc *,
                  const void *const *inputs, void *const *outputs, void *workspace,
                  cudaStream_t stream) noexcept override;
  nvinfer1::IPluginV3 *attachToContext(nvinfer1::IPluginResourceContext *) noexcept override { return clone(); }
  const nvinfer1::PluginFieldCollection *getFieldsToSerialize() noexcept override { return &serialised_; }

 private:
  Status workspace_size(const nvinfer1::DynamicPluginTensorDesc &x, size_t *bytes) const;
  Status plan_for(const nvinfer1::PluginTensorDesc &x, const nvinfer1::Dims &dims, int32_t backend,
                  const lama_spectral_plan **plan) noexcept;
  Status plan_for(const nvinfer1::PluginTensorDesc &x, const lama_spectral_plan **plan) noexcept;
  void find_tactics(const nvinfer1::DynamicPluginTensorDesc &x) noexcept;

  const int32_t backend_;
  int32_t tactic_;
  std::array<int32_t, 2> tactics_{};
  int32_t tactic_count_ = 0;
  nvinfer1::PluginTensorDesc x_{};  // of the last shape change; without dimensions before the first
  const nvinfer1::PluginField field_;
  const nvinfer1::PluginFieldCollection serialised_;
  PlanCache plans_;
};

}  // namespace lama

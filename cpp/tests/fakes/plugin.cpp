// A plugin library with the name of SpectralConv, or of none, for the fake registry.
#include <NvInferRuntime.h>

using namespace nvinfer1;

#ifndef LAMA_FAKE_PLUGIN
#define LAMA_FAKE_PLUGIN "SpectralConv"
#endif

namespace {

class Creator : public IPluginCreatorV3One {
 public:
  const char *getPluginName() const noexcept override { return LAMA_FAKE_PLUGIN; }
  const char *getPluginVersion() const noexcept override { return "1"; }
  const char *getPluginNamespace() const noexcept override { return ""; }
  const PluginFieldCollection *getFieldNames() noexcept override { return nullptr; }
  IPluginV3 *createPlugin(const char *, const PluginFieldCollection *, TensorRTPhase) noexcept override {
    return nullptr;
  }
};

}  // namespace

extern "C" __attribute__((visibility("default"))) IPluginCreatorInterface *const *getCreators(int32_t &count) {
  static IPluginCreatorInterface *const creators[] = {new Creator};
  count = 1;
  return creators;
}

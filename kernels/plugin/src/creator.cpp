// What TensorRT's IPluginRegistry::loadLibrary looks for in a plugin library.
#include <cstring>
#include <new>

#include "log.h"
#include "spectral_conv.h"

#define LAMA_PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;

lama::Status read_backend(const PluginFieldCollection *fields, lama_spectral_backend *backend) {
  *backend = LAMA_SPECTRAL_AUTO;
  for (int32_t i = 0; fields != nullptr && i < fields->nbFields; ++i) {
    const PluginField &field = fields->fields[i];
    if (std::strcmp(field.name, lama::kBackendField) != 0) continue;
    if (field.type != PluginFieldType::kINT32 || field.length != 1 || field.data == nullptr) {
      return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "field %s is not one int32", lama::kBackendField);
    }
    const int32_t value = *static_cast<const int32_t *>(field.data);
    if (value < LAMA_SPECTRAL_AUTO || value > LAMA_SPECTRAL_TENSOR_CORE) {
      return lama::fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "field %s is %d; 0: automatic, 1: cuFFT, 2: tensor cores",
                        lama::kBackendField, value);
    }
    *backend = lama_spectral_backend(value);
  }
  return LAMA_SPECTRAL_OK;
}

class Creator final : public nvinfer1::IPluginCreatorV3One {
 public:
  nvinfer1::IPluginV3 *createPlugin(const char *, const PluginFieldCollection *fields,
                                    nvinfer1::TensorRTPhase) noexcept override {
    lama_spectral_backend backend;
    if (lama::report(read_backend(fields, &backend)) != 0) return nullptr;
    return new (std::nothrow) lama::SpectralConv(backend);
  }
  const PluginFieldCollection *getFieldNames() noexcept override { return &names_; }
  const char *getPluginName() const noexcept override { return lama::kName; }
  const char *getPluginVersion() const noexcept override { return lama::kVersion; }
  const char *getPluginNamespace() const noexcept override { return lama::kNamespace; }

 private:
  const PluginField field_{lama::kBackendField, nullptr, PluginFieldType::kINT32, 1};
  const PluginFieldCollection names_{1, &field_};
};

}  // namespace

LAMA_PLUGIN_EXPORT nvinfer1::IPluginCreatorInterface *const *getCreators(int32_t &count) {
  static Creator creator;
  static nvinfer1::IPluginCreatorInterface *const creators[] = {&creator};
  count = 1;
  return creators;
}

LAMA_PLUGIN_EXPORT void setLoggerFinder(nvinfer1::ILoggerFinder *finder) {
  lama::set_logger_finder(finder);
}

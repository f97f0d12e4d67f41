// What a plugin of TensorRT 10, 11 and TensorRT-RTX 1.7 shares with the library that calls it, declared for compilers
// that have no TensorRT headers (pip's packages bring none). Only what SpectralConv needs. The order of the virtual
// functions and of the members is the binary interface: abi_layout.cpp and abi_slots.cpp compare both with the real
// headers wherever those are.
//
// Names are TensorRT's, so that type information agrees too. Loggers and the registry are not here: their functions
// moved between major versions (versioned_slots.h).
#pragma once

#include <cstddef>
#include <cstdint>

struct CUstream_st;
using cudaStream_t = CUstream_st *;

namespace nvinfer1 {

enum class DataType : int32_t { kFLOAT = 0, kHALF = 1, kINT32 = 3, kBF16 = 7 };
enum class TensorFormat : int32_t { kLINEAR = 0, kHWC8 = 2, kHWC = 8 };
enum class PluginFieldType : int32_t { kINT32 = 5, kUNKNOWN = 8 };
enum class TensorRTPhase : int32_t { kBUILD = 0, kRUNTIME = 1 };
enum class PluginCapabilityType : int32_t { kCORE = 0, kBUILD = 1, kRUNTIME = 2 };
enum class APILanguage : int32_t { kCPP = 0, kPYTHON = 1 };

class Dims64 {
 public:
  static constexpr int32_t MAX_DIMS = 8;
  int32_t nbDims;
  int64_t d[MAX_DIMS];
};
using Dims = Dims64;

struct PluginTensorDesc {
  Dims dims;
  DataType type;
  TensorFormat format;
  float scale;
};

struct DynamicPluginTensorDesc {
  PluginTensorDesc desc;
  Dims min, max, opt;
};

class IDimensionExpr;
class IExprBuilder;
class IPluginResourceContext;
class ILoggerFinder;

class DimsExprs {
 public:
  int32_t nbDims;
  const IDimensionExpr *d[Dims::MAX_DIMS];
};

class PluginField {
 public:
  PluginField(const char *name_ = nullptr, const void *data_ = nullptr,
              PluginFieldType type_ = PluginFieldType::kUNKNOWN, int32_t length_ = 0) noexcept
      : name(name_), data(data_), type(type_), length(length_) {}
  const char *name;
  const void *data;
  PluginFieldType type;
  int32_t length;
};

struct PluginFieldCollection {
  int32_t nbFields = 0;
  const PluginField *fields = nullptr;
};

class InterfaceInfo {
 public:
  const char *kind;
  int32_t major, minor;
};

class IVersionedInterface {
 public:
  virtual APILanguage getAPILanguage() const noexcept { return APILanguage::kCPP; }
  virtual InterfaceInfo getInterfaceInfo() const noexcept = 0;
  virtual ~IVersionedInterface() noexcept = default;
};

namespace v_1_0 {

class IPluginCapability : public IVersionedInterface {};
class IPluginCreatorInterface : public IVersionedInterface {};

class IPluginV3 : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN", 1, 0}; }
  virtual IPluginCapability *getCapabilityInterface(PluginCapabilityType type) noexcept = 0;
  virtual IPluginV3 *clone() noexcept = 0;
};

class IPluginV3OneCore : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN_V3ONE_CORE", 1, 0}; }
  virtual const char *getPluginName() const noexcept = 0;
  virtual const char *getPluginVersion() const noexcept = 0;
  virtual const char *getPluginNamespace() const noexcept = 0;
};

class IPluginV3OneBuild : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN_V3ONE_BUILD", 1, 0}; }
  virtual int32_t configurePlugin(const DynamicPluginTensorDesc *inputs, int32_t input_count,
                                  const DynamicPluginTensorDesc *outputs, int32_t output_count) noexcept = 0;
  virtual int32_t getOutputDataTypes(DataType *outputs, int32_t output_count, const DataType *inputs,
                                     int32_t input_count) const noexcept = 0;
  virtual int32_t getOutputShapes(const DimsExprs *inputs, int32_t input_count, const DimsExprs *shape_inputs,
                                  int32_t shape_input_count, DimsExprs *outputs, int32_t output_count,
                                  IExprBuilder &builder) noexcept = 0;
  virtual bool supportsFormatCombination(int32_t position, const DynamicPluginTensorDesc *tensors, int32_t input_count,
                                         int32_t output_count) noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual size_t getWorkspaceSize(const DynamicPluginTensorDesc *, int32_t, const DynamicPluginTensorDesc *,
                                  int32_t) const noexcept {
    return 0;
  }
  virtual int32_t getValidTactics(int32_t *, int32_t) noexcept { return 0; }
  virtual int32_t getNbTactics() noexcept { return 0; }
  virtual const char *getTimingCacheID() noexcept { return nullptr; }
  virtual int32_t getFormatCombinationLimit() noexcept { return 100; }
  virtual const char *getMetadataString() noexcept { return nullptr; }
};

class IPluginV3OneRuntime : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN_V3ONE_RUNTIME", 1, 0}; }
  virtual int32_t setTactic(int32_t) noexcept { return 0; }
  virtual int32_t onShapeChange(const PluginTensorDesc *inputs, int32_t input_count, const PluginTensorDesc *outputs,
                                int32_t output_count) noexcept = 0;
  virtual int32_t enqueue(const PluginTensorDesc *input_descs, const PluginTensorDesc *output_descs,
                          const void *const *inputs, void *const *outputs, void *workspace,
                          cudaStream_t stream) noexcept = 0;
  virtual IPluginV3 *attachToContext(IPluginResourceContext *context) noexcept = 0;
  virtual const PluginFieldCollection *getFieldsToSerialize() noexcept = 0;
};

class IPluginCreatorV3One : public IPluginCreatorInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN CREATOR_V3ONE", 1, 0}; }
  virtual IPluginV3 *createPlugin(const char *name, const PluginFieldCollection *fields,
                                  TensorRTPhase phase) noexcept = 0;
  virtual const PluginFieldCollection *getFieldNames() noexcept = 0;
  virtual const char *getPluginName() const noexcept = 0;
  virtual const char *getPluginVersion() const noexcept = 0;
  virtual const char *getPluginNamespace() const noexcept = 0;
};

}  // namespace v_1_0

using IPluginCapability = v_1_0::IPluginCapability;
using IPluginCreatorInterface = v_1_0::IPluginCreatorInterface;
using IPluginV3 = v_1_0::IPluginV3;
using IPluginV3OneCore = v_1_0::IPluginV3OneCore;
using IPluginV3OneBuild = v_1_0::IPluginV3OneBuild;
using IPluginV3OneRuntime = v_1_0::IPluginV3OneRuntime;
using IPluginCreatorV3One = v_1_0::IPluginCreatorV3One;

}  // namespace nvinfer1

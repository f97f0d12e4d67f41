// Our declarations have the members, sizes and values of TensorRT's.
#include <cstddef>

#include "both_interfaces.h"

#define SAME_SIZE(type) static_assert(sizeof(ours::type) == sizeof(theirs::type), #type)
#define SAME_MEMBER(type, member)                                                 \
  static_assert(offsetof(ours::type, member) == offsetof(theirs::type, member) && \
                    sizeof(ours::type::member) == sizeof(theirs::type::member),   \
                #type "::" #member)
#define SAME_VALUE(value) static_assert(int(ours::value) == int(theirs::value), #value)

SAME_SIZE(Dims);
SAME_MEMBER(Dims, nbDims);
SAME_MEMBER(Dims, d);
SAME_SIZE(DimsExprs);
SAME_MEMBER(DimsExprs, nbDims);
SAME_MEMBER(DimsExprs, d);
SAME_SIZE(PluginTensorDesc);
SAME_MEMBER(PluginTensorDesc, dims);
SAME_MEMBER(PluginTensorDesc, type);
SAME_MEMBER(PluginTensorDesc, format);
SAME_MEMBER(PluginTensorDesc, scale);
SAME_SIZE(DynamicPluginTensorDesc);
SAME_MEMBER(DynamicPluginTensorDesc, desc);
SAME_MEMBER(DynamicPluginTensorDesc, min);
SAME_MEMBER(DynamicPluginTensorDesc, max);
SAME_MEMBER(DynamicPluginTensorDesc, opt);
SAME_SIZE(PluginField);
SAME_MEMBER(PluginField, name);
SAME_MEMBER(PluginField, data);
SAME_MEMBER(PluginField, type);
SAME_MEMBER(PluginField, length);
SAME_SIZE(PluginFieldCollection);
SAME_MEMBER(PluginFieldCollection, nbFields);
SAME_MEMBER(PluginFieldCollection, fields);
SAME_SIZE(InterfaceInfo);
SAME_MEMBER(InterfaceInfo, kind);
SAME_MEMBER(InterfaceInfo, major);
SAME_MEMBER(InterfaceInfo, minor);

SAME_SIZE(IVersionedInterface);
SAME_SIZE(IPluginCapability);
SAME_SIZE(IPluginCreatorInterface);
SAME_SIZE(IPluginV3);
SAME_SIZE(IPluginV3OneCore);
SAME_SIZE(IPluginV3OneBuild);
SAME_SIZE(IPluginV3OneRuntime);
SAME_SIZE(IPluginCreatorV3One);

SAME_VALUE(DataType::kFLOAT);
SAME_VALUE(DataType::kHALF);
SAME_VALUE(DataType::kINT32);
SAME_VALUE(DataType::kBF16);
SAME_VALUE(TensorFormat::kLINEAR);
SAME_VALUE(TensorFormat::kHWC8);
SAME_VALUE(TensorFormat::kHWC);
SAME_VALUE(PluginFieldType::kINT32);
SAME_VALUE(PluginFieldType::kUNKNOWN);
SAME_VALUE(TensorRTPhase::kBUILD);
SAME_VALUE(TensorRTPhase::kRUNTIME);
SAME_VALUE(PluginCapabilityType::kCORE);
SAME_VALUE(PluginCapabilityType::kBUILD);
SAME_VALUE(PluginCapabilityType::kRUNTIME);
SAME_VALUE(APILanguage::kCPP);
SAME_VALUE(APILanguage::kPYTHON);

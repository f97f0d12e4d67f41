// Our interfaces have their virtual functions where TensorRT's have them, and so do the slots that differ by version.
//
// A pointer to a virtual member function holds 1 + the offset in the virtual table (Itanium C++ ABI), which no constant
// expression may read: hence a program.
#include <cstdio>
#include <cstring>

#include "../src/versioned_slots.h"
#include "both_interfaces.h"

namespace {

int failures = 0;

template <class Member>
int slot_of(Member member) {
  static_assert(sizeof member >= sizeof(std::ptrdiff_t));
  std::ptrdiff_t first_word = 0;
  std::memcpy(&first_word, &member, sizeof first_word);
  return first_word % 2 == 1 ? int(first_word / sizeof(void *)) : -1;
}

void compare(int found, int expected, const char *what) {
  if (found == expected && found >= 0) return;
  std::printf("failed: %s is at %d of its virtual table, TensorRT %d.%d has it at %d\n", what, found, NV_TENSORRT_MAJOR,
              NV_TENSORRT_MINOR, expected);
  ++failures;
}

#define SAME_SLOT(type, function) \
  compare(slot_of(&ours::type::function), slot_of(&theirs::type::function), #type "::" #function)

void compare_interfaces() {
  SAME_SLOT(IVersionedInterface, getAPILanguage);
  SAME_SLOT(IVersionedInterface, getInterfaceInfo);
  SAME_SLOT(IPluginV3, getCapabilityInterface);
  SAME_SLOT(IPluginV3, clone);
  SAME_SLOT(IPluginV3OneCore, getPluginName);
  SAME_SLOT(IPluginV3OneCore, getPluginVersion);
  SAME_SLOT(IPluginV3OneCore, getPluginNamespace);
  SAME_SLOT(IPluginV3OneBuild, configurePlugin);
  SAME_SLOT(IPluginV3OneBuild, getOutputDataTypes);
  SAME_SLOT(IPluginV3OneBuild, getOutputShapes);
  SAME_SLOT(IPluginV3OneBuild, supportsFormatCombination);
  SAME_SLOT(IPluginV3OneBuild, getNbOutputs);
  SAME_SLOT(IPluginV3OneBuild, getWorkspaceSize);
  SAME_SLOT(IPluginV3OneBuild, getValidTactics);
  SAME_SLOT(IPluginV3OneBuild, getNbTactics);
  SAME_SLOT(IPluginV3OneBuild, getTimingCacheID);
  SAME_SLOT(IPluginV3OneBuild, getFormatCombinationLimit);
  SAME_SLOT(IPluginV3OneBuild, getMetadataString);
  SAME_SLOT(IPluginV3OneRuntime, setTactic);
  SAME_SLOT(IPluginV3OneRuntime, onShapeChange);
  SAME_SLOT(IPluginV3OneRuntime, enqueue);
  SAME_SLOT(IPluginV3OneRuntime, attachToContext);
  SAME_SLOT(IPluginV3OneRuntime, getFieldsToSerialize);
  SAME_SLOT(IPluginCreatorV3One, createPlugin);
  SAME_SLOT(IPluginCreatorV3One, getFieldNames);
  SAME_SLOT(IPluginCreatorV3One, getPluginName);
  SAME_SLOT(IPluginCreatorV3One, getPluginVersion);
  SAME_SLOT(IPluginCreatorV3One, getPluginNamespace);
}

void compare_versioned_slots() {
  using Register = bool (theirs::IPluginRegistry::*)(theirs::IPluginCreatorInterface &, const char *);
  const lama::VersionedSlots &slots = lama::slots_of(NV_TENSORRT_MAJOR * 10000 + NV_TENSORRT_MINOR * 100);
  compare(slots.find_logger, slot_of(&theirs::ILoggerFinder::findLogger), "ILoggerFinder::findLogger");
  compare(slots.log, slot_of(&theirs::ILogger::log), "ILogger::log");
  compare(slots.register_creator, slot_of(static_cast<Register>(&theirs::IPluginRegistry::registerCreator)),
          "IPluginRegistry::registerCreator");
}

}  // namespace

int main() {
  compare_interfaces();
  compare_versioned_slots();
  if (failures == 0) std::printf("as in TensorRT %d.%d\n", NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR);
  return failures == 0 ? 0 : 1;
}

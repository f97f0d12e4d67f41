// What liblama reads in bundles, as a line of JSON for each folder that is named: what a test in Python compares with
// its own. {"error": line} where it refuses one.
#include <cstdio>

#include "bundle/bundle.h"
#include "bundle/json_text.h"
#include "engines/memory_table.h"

namespace {

using namespace lama;

Json said(const std::optional<Memory> &memory) {
  if (!memory) return nullptr;
  Json fixed = nullptr;
  if (memory->per_pixel_fixed) fixed = *memory->per_pixel_fixed;
  return Json::array({memory->fixed, memory->per_pixel, fixed, memory->per_picture, memory->residual});
}

Json said(const Bundle &bundle) {
  const Generator &generator = bundle.generator;
  Json values = {{"target", bundle.target},
                 {"precision", bundle.precision},
                 {"io", bundle.io},
                 {"decoder", bundle.decoder},
                 {"version", bundle.engine.version},
                 {"plugin", {bundle.engine.plugin, bundle.engine.plugin_in_python, bundle.engine.plugin_file}},
                 {"runs on",
                  {bundle.engine.version_compatible, bundle.engine.hardware, bundle.engine.gpus,
                   bundle.engine.capability, bundle.engine.capabilities}}};
  values["generator"] = {generator.kind,   generator.width, generator.downsamplings,
                         generator.blocks, generator.ratio, generator.max_channels};
  values["fixed"] = bundle.fixed ? Json(*bundle.fixed) : Json();
  values["ranges"] = Json::array();
  for (const ShapeRange &range : bundle.engine.ranges)
    values["ranges"].push_back({range.least, range.best, range.largest});
  for (const char *backend : {"onnxruntime", "openvino"})
    for (const char *precision : {"", "fp32", "fp16", "bf16", "int8"})
      values["memory"][std::string(backend) + " " + precision] = said(estimated_memory(backend, bundle, precision));
  return values;
}

Json of_folder(const char *folder) {
  try {
    return said(load_bundle(folder, true));
  } catch (const Error &error) {
    return {{"error", error.what()}, {"status", int(error.status)}};
  }
}

}  // namespace

int main(int count, char **folders) {
  for (int i = 1; i < count; ++i) std::printf("%s\n", of_folder(folders[i]).dump().c_str());
}

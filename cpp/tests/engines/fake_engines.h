// Engines of our own, opened on models that say how they behave.
#pragma once

#include <string>
#include <vector>

#include "bundles.h"
#include "engines/open.h"

namespace lama::test {

inline const std::string XML =
    "<?xml version=\"1.0\"?><net><layers><layer id=\"0\" name=\"generator/window/pads\" type=\"Concat\"><output><port "
    "id=\"2\"/></output></layer></layers><edges><edge from-layer=\"1\" to-layer=\"0\"/></edges><rt_info><lama_deploy>"
    "<io value=\"IO\"/><precision value=\"fp32\"/></lama_deploy></rt_info></net>";

inline std::string xml_with(const std::string &io, const std::string &said = "") {
  std::string xml = XML;
  return xml.replace(xml.find("IO"), 2, io) + "<!-- " + said + " -->";
}

struct Engine {
  std::string target, library;
  Files files;
};

inline Engine onnxruntime(const std::string &fakes, const std::string &model = "io=uint8") {
  return {"onnx", fakes + "/onnxruntime", {{"model.onnx", model}}};
}

inline Engine openvino(const std::string &fakes, const std::string &xml = xml_with("uint8")) {
  return {"openvino", fakes + "/openvino", {{"model.xml", xml}, {"model.bin", "weights"}}};
}

using Values = std::vector<uint8_t>;
inline const Shape SHAPE = {2, 3, 5};

inline Values images() {
  Values values(90);
  for (size_t i = 0; i < values.size(); ++i) values[i] = uint8_t(i * 2);
  return values;
}

// What the fakes compute, with the lower row as hole.
inline Values run(Backend &backend) {
  Values masks(30, 0), results(90);
  for (size_t n = 0; n < 2; ++n)
    for (size_t x = 0; x < 5; ++x) masks[n * 15 + 10 + x] = 200;
  backend.run(SHAPE, images().data(), masks.data(), results.data());
  return results;
}

inline std::unique_ptr<Backend> open(const Engine &engine, const EngineOptions &more = {}) {
  const Folder folder;
  write_bundle(folder, manifest_of(engine.target, engine.files), engine.files);
  EngineOptions options = more;
  options.engine = engine.library;
  options.threads = 2;
  return open_backend(load_bundle(folder.path(), true), options);
}

}  // namespace lama::test

// Bundles as lama-export would write them, with whatever files.
#pragma once

#include <map>
#include <string>

#include "bundle/json_text.h"
#include "bundle/sha256.h"
#include "check.h"

namespace lama::test {

inline std::string sha256_of_text(const std::string &text) {
  Sha256 digest;
  digest.update(text.data(), text.size());
  return digest.hex();
}

using Files = std::map<std::string, std::string>;  // contents by name

// What bundle.json says of these files.
inline Json manifest_of(const std::string &target, const Files &files) {
  Json values = Json::parse(R"({"format": 1, "variant": "lama-demo", "generator": {"kind": "ffc", "width": 32,
    "downsamplings": 3, "blocks": 6, "ratio": 0.75, "max_channels": 1024}, "precision": "fp32", "spectral": "function",
    "io": "uint8", "decoder": "whole", "inputs": {}, "outputs": {}, "tools": {}, "parity": {}, "created": ""})");
  values["weights"] = {{"source", "lama-demo"}, {"sha256", std::string(64, 'a')}};
  values["target"] = target;
  values["files"] = Json::object();
  for (const auto &[name, content] : files)
    values["files"][name] = {{"bytes", content.size()}, {"sha256", sha256_of_text(content)}};
  return values;
}

inline void write_bundle(const Folder &folder, const Json &manifest, const Files &files) {
  folder.write("bundle.json", manifest.dump());
  for (const auto &[name, content] : files) folder.write(name, content);
}

}  // namespace lama::test

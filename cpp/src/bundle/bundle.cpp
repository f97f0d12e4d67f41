#include "bundle/bundle.h"

#include <system_error>

#include "bundle/files.h"
#include "bundle/manifest.h"
#include "errors.h"

namespace lama {

namespace {

constexpr int64_t MOST_BYTES = 4000000;  // of bundle.json: an engine's, which is the longest, has 24,000

[[noreturn]] void fail(const std::string &path, const std::string &what) {
  throw Error(LAMA_BAD_BUNDLE, brief(path) + ": " + what);
}

void check_content(const std::string &path, const BundleFile &expected, bool hashed) {
  try {
    File file(path);
    if (file.size() != expected.bytes)
      fail(path, "has " + std::to_string(file.size()) + " bytes, and " + MANIFEST + " says " +
                     std::to_string(expected.bytes) + "; " + REMEDY);
    const std::string found = hashed ? sha256_of(file) : expected.sha256;
    if (found != expected.sha256)
      fail(path, "has the SHA-256 " + found.substr(0, 12) + "..., and " + MANIFEST + " says " +
                     expected.sha256.substr(0, 12) + "...; " + REMEDY);
  } catch (const std::system_error &error) {
    fail(path, "cannot be read (" + reason_of(error) + "); allow it, or " + REMEDY);
  }
}

}  // namespace

const BundleFile *Bundle::file(std::string_view name) const {
  for (const BundleFile &one : files)
    if (one.name == name) return &one;
  return nullptr;
}

std::string Bundle::path(std::string_view name) const {
  return folder.empty() || folder.back() == '/' ? folder + std::string(name) : folder + "/" + std::string(name);
}

std::string Bundle::model() const {
  return path(target == "onnx" ? "model.onnx" : target == "openvino" ? "model.xml" : "model.engine");
}

Bundle load_bundle(const std::string &folder, bool check) {
  Bundle place;
  place.folder = folder;
  const std::string manifest = place.path(MANIFEST);
  if (!is_file(manifest)) fail(folder, std::string("not a bundle (no ") + MANIFEST + "); make one with lama-export");
  Bundle bundle = read_manifest(manifest, read_file(manifest, MOST_BYTES));
  bundle.folder = folder;
  for (const BundleFile &file : bundle.files)
    if (!is_file(bundle.path(file.name))) fail(folder, file.name + " is missing; export the bundle again");
  for (const BundleFile &file : bundle.files) check_content(bundle.path(file.name), file, check);
  return bundle;
}

void check_precision(const Bundle &bundle, const std::optional<std::string> &found) {
  const bool is_named = found && !found->empty();
  if ((is_named ? *found : "fp32") == bundle.precision) return;
  const std::string told =
      is_named ? brief(*found, 60) + " by its metadata" : "names no precision, so it counts as fp32";
  fail(bundle.model(), told + ", and " + MANIFEST + " says " + bundle.precision + "; " + REMEDY);
}

}  // namespace lama

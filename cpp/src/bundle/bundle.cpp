#include "bundle/bundle.h"

#include <cstring>
#include <system_error>

#include "bundle/files.h"
#include "bundle/manifest.h"
#include "errors.h"

namespace lama {

namespace {

constexpr int64_t MOST_BYTES = 4000000;  // of bundle.json: an engine's, which is the longest, has 24,000
constexpr size_t MOST_OF_A_PLATFORM = 80;
constexpr char PLATFORM_CHARACTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

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

void check_file(const Bundle &bundle, std::string_view name) {
  const BundleFile *file = bundle.file(name);
  if (!file) fail(bundle.path(name), std::string("is not named by ") + MANIFEST + "; " + REMEDY);
  check_content(bundle.path(name), *file, true);
}

std::string platform_of_plugin(std::string_view name) {
  constexpr std::string_view before = "plugin-", after = ".so";
  if (name.size() <= before.size() + after.size() || name.size() > before.size() + MOST_OF_A_PLATFORM + after.size())
    return "";
  const std::string_view middle = name.substr(before.size(), name.size() - before.size() - after.size());
  for (const char c : middle)
    if (!std::strchr(PLATFORM_CHARACTERS, c)) return "";
  const bool fits = name.substr(0, before.size()) == before && name.substr(name.size() - after.size()) == after;
  return fits ? std::string(middle) : "";
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

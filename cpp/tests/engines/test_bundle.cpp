// Bundles that are whole, damaged and hostile.
#include <sys/stat.h>

#include "bundle/bundle.h"
#include "bundles.h"

using namespace lama;
using namespace lama::test;

namespace {

const Files MODEL = {{"model.onnx", "a model"}};

// A bundle with this change in its manifest.
void check_manifest(const std::string &part, const std::function<void(Json &)> &change) {
  const Folder folder;
  Json manifest = manifest_of("onnx", MODEL);
  change(manifest);
  write_bundle(folder, manifest, MODEL);
  check_error(LAMA_BAD_BUNDLE, part, [&] { load_bundle(folder.path(), true); });
}

void check_text(const std::string &part, const std::string &text) {
  const Folder folder;
  write_bundle(folder, manifest_of("onnx", MODEL), MODEL);
  folder.write("bundle.json", text);
  check_error(LAMA_BAD_BUNDLE, part, [&] { load_bundle(folder.path(), true); });
}

void test_digests() {
  check(sha256_of_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "SHA-256 of nothing");
  check(sha256_of_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256 of abc");
  std::string text;
  for (int length = 0; length < 300; ++length, text += char(length * 7)) {
    Sha256 fast, plain(false);
    fast.update(text.data(), text.size());
    plain.update(text.data(), text.size() / 3);  // in two parts
    plain.update(text.data() + text.size() / 3, text.size() - text.size() / 3);
    check(fast.hex() == plain.hex(), "SHA-256 of " + std::to_string(length) + " bytes by both ways");
  }
}

void test_whole() {
  const Folder folder;
  Json manifest = manifest_of("onnx", MODEL);
  manifest.erase("decoder");
  manifest["memory"] = Json::parse(R"({"conditions": {"engine": {}, "cpu": "", "cores": 2, "options": {}},
    "memory": {"fixed": 1000.9, "per_pixel": 2.5, "per_picture": 0, "residual": 0.1, "per_pixel_fixed": null},
    "runs": [{"shape": [1, 2, 3], "bytes": 4}]})");
  write_bundle(folder, manifest, MODEL);
  const Bundle bundle = load_bundle(folder.path(), true);
  check(bundle.target == "onnx" && bundle.decoder == "whole" && bundle.generator.width == 32, "what a bundle says");
  check(bundle.model() == folder / "model.onnx" && bundle.file("model.onnx")->bytes == 7, "its file");
  check(bundle.memory && bundle.memory->fixed == 1000 && !bundle.memory->per_pixel_fixed, "its memory");
  check_precision(bundle, std::nullopt);
  check_precision(bundle, "");
  check_error(LAMA_BAD_BUNDLE, "int8 by its metadata, and bundle.json says fp32",
              [&] { check_precision(bundle, "int8"); });
}

void test_engines() {
  const Folder folder;
  const Files files = {{"model.engine", "an engine"}, {"model.onnx", "a model"}};
  Json manifest = manifest_of("trt", files);
  manifest["engine"] = Json::parse(R"({"version": "10.13.3", "plugin": {"sha256": ""}, "gpu": {"name": "A GPU"},
    "batch": {"min": 1, "opt": 2, "max": 4}, "profiles": [{"min": [64, 64], "opt": [512, 256], "max": [1024, 1024]}]})");
  write_bundle(folder, manifest, files);
  const EngineRecord engine = load_bundle(folder.path(), true).engine;
  check(engine.version == "10.13.3" && engine.plugin && engine.gpus == "A GPU", "what an engine's bundle says");
  check(engine.ranges.size() == 1 && engine.ranges[0].best == Shape{2, 512, 256}, "its profiles");
}

void test_files() {
  const Folder folder;
  check_error(LAMA_BAD_BUNDLE, "not a bundle (no bundle.json)", [&] { load_bundle(folder.path(), true); });
  check_error(LAMA_BAD_BUNDLE, "not a bundle", [&] { load_bundle("", true); });
  write_bundle(folder, manifest_of("onnx", MODEL), {});
  check_error(LAMA_BAD_BUNDLE, "model.onnx is missing", [&] { load_bundle(folder.path(), true); });
  folder.write("model.onnx", "a longer model");
  check_error(LAMA_BAD_BUNDLE, "has 14 bytes, and bundle.json says 7", [&] { load_bundle(folder.path(), false); });
  folder.write("model.onnx", "b model");
  load_bundle(folder.path(), false);
  check_error(LAMA_BAD_BUNDLE, "has the SHA-256", [&] { load_bundle(folder.path(), true); });
  std::filesystem::remove(folder / "model.onnx");
  mkfifo((folder / "model.onnx").c_str(), 0600);  // which a reader would wait for
  check_error(LAMA_BAD_BUNDLE, "model.onnx is missing", [&] { load_bundle(folder.path(), true); });
  std::filesystem::remove(folder / "bundle.json");
  mkfifo((folder / "bundle.json").c_str(), 0600);
  check_error(LAMA_BAD_BUNDLE, "not a bundle", [&] { load_bundle(folder.path(), true); });
  std::filesystem::remove(folder / "bundle.json");
  std::filesystem::create_symlink("/dev/zero", folder / "bundle.json");
  check_error(LAMA_BAD_BUNDLE, "not a bundle", [&] { load_bundle(folder.path(), true); });
}

void test_texts() {
  check_text("damaged", "");
  check_text("damaged", "{\"format\": 1");
  check_text("damaged", "\xff\xfe{}");
  check_text("damaged", "{\"format\": \"\xc3\x28\"}");
  check_text("damaged", "{\"format\": 1e999}");
  check_text("all of it is [] and must be an object", "[]");
  check_text("nested deeper than 200 levels", std::string(1000000, '['));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  check_text("nested deeper than 200 levels", deep);
  check_text("it has format twice", "{\"format\": 1, \"format\": 2}");
  check_text("has more than 4000000 bytes", std::string(4000001, ' '));
  check_text("damaged", std::string(4000000, ' '));
}

void test_values() {
  check_manifest("format 2, but this version reads 1", [](Json &values) { values["format"] = 2; });
  check_manifest("format is missing", [](Json &values) { values.erase("format"); });
  check_manifest("target is x and must be 'onnx' or 'openvino'", [](Json &values) { values["target"] = "x"; });
  check_manifest("precision is fp8 and must be 'fp32' or 'fp16'", [](Json &values) { values["precision"] = "fp8"; });
  check_manifest("io is None", [](Json &values) { values["io"] = nullptr; });
  check_manifest("weights.sha256 is A and must be a SHA-256 in hex",
                 [](Json &values) { values["weights"]["sha256"] = "A"; });
  check_manifest("files.model.onnx.bytes is -1 and must be an integer from 0 to 1125899906842624",
                 [](Json &values) { values["files"]["model.onnx"]["bytes"] = -1; });
  check_manifest("files.model.onnx.bytes is 18446744073709551615",
                 [](Json &values) { values["files"]["model.onnx"]["bytes"] = UINT64_MAX; });
  check_manifest("files.model.onnx.bytes is 7.0", [](Json &values) { values["files"]["model.onnx"]["bytes"] = 7.0; });
  check_manifest("it describes an engine, and its target is onnx", [](Json &values) {
    values["engine"] = {{"version", "1"}, {"batch", {{"min", 1}, {"opt", 1}, {"max", 1}}}, {"profiles", Json::array()}};
  });
  check_manifest("engine.batch is missing", [](Json &values) { values["engine"] = {{"version", "1"}}; });
  check_manifest("memory.conditions is missing", [](Json &values) { values["memory"] = {{"x", 1}}; });
  check_manifest("model.onnx is not among its files",
                 [](Json &values) { values["files"] = {{"x.onnx", values["files"]["model.onnx"]}}; });
  for (const char *name : {"../model.onnx", "/etc/passwd", "", ".hidden", "a/b", "a\nb", "-x"})
    check_manifest("allowed are only plain names of files beside it, such as model.onnx",
                   [&](Json &values) { values["files"][name] = values["files"]["model.onnx"]; });
}

void test_generators() {
  const auto with = [](const char *name, const Json &value) {
    return [=](Json &values) { values["generator"][name] = value; };
  };
  check_manifest("generator kind 'x' is unknown", with("kind", "x"));
  check_manifest("unknown fields, such as 'x'", with("x", 1));
  check_manifest("generator width is 0; it must be an integer from 1 to 4096", with("width", 0));
  check_manifest("generator width is '64'", with("width", "64"));
  check_manifest("generator blocks is True", with("blocks", true));
  check_manifest("generator ratio is None; it must be a number between 0 and 1", with("ratio", nullptr));
  check_manifest("ratio 1.5 of 256 trunk channels leaves a branch empty", with("ratio", 1.5));
  check_manifest("it must be at least the width", [](Json &values) {
    values["generator"] = {{"kind", "regular"}, {"width", 64}, {"max_channels", 32}};
  });
  check_manifest("cannot be split into 4 equal branches",
                 [](Json &values) { values["generator"] = {{"kind", "dilated"}, {"width", 1}, {"downsamplings", 1}}; });
}

}  // namespace

int main() {
  test_digests();
  test_whole();
  test_engines();
  test_files();
  test_texts();
  test_values();
  test_generators();
  return ended();
}

#include "bundle/manifest.h"

#include <cctype>

#include "bundle/generator_json.h"
#include "bundle/json_rules.h"

namespace lama {

namespace {

constexpr int64_t FORMAT = 1;
constexpr int64_t MOST = int64_t(1) << 50;  // of bytes and counts
constexpr int64_t SIDE = int64_t(1) << 20;  // pixels
constexpr size_t MOST_OF_A_NAME = 100;      // bytes
constexpr const char *ENGINE = "model.engine";

JsonShape least_best_largest(const JsonShape &shape) {
  return object({{"min", shape}, {"opt", shape}, {"max", shape}});
}

JsonShape sides() {
  return rule("a height and a width", [side = whole(1, SIDE).holds](const Json &value) {
    return value.is_array() && value.size() == 2 && side(value[0]) && side(value[1]);
  });
}

// What its readers rely on, as SHAPE, ENGINE_SHAPE and MEMORY_SHAPE of lama_deploy/bundle.py; of the rest, anything.
JsonShape of_manifest() {
  return object(
      {{"format", whole(FORMAT, FORMAT)},
       {"variant", or_null(text())},
       {"generator", any_object()},
       {"weights", object({{"source", text()}, {"sha256", sha256()}})},
       {"assumed?", each(text())},
       {"target", one_of({"onnx", "openvino", "trt", "trt-rtx", "litert", "mnn", "coreml", "ncnn", "torchscript"})},
       {"precision", one_of({"fp32", "fp16", "bf16", "int8"})},
       {"spectral", text()},
       {"io", one_of({"uint8", "float"})},
       {"decoder?", one_of({"hole", "whole"})},
       {"files", each(object({{"bytes", whole(0, MOST)}, {"sha256", sha256()}}))},
       {"inputs", each(any_object())},
       {"outputs", each(any_object())},
       {"tools", each(text())},
       {"parity", any_object()},
       {"ranges?", any_object()},
       {"quantisation?", object({{"least_psnr?", number()}})},
       {"memory?", any_object()},
       {"created", text()}});
}

JsonShape of_engine() {
  const JsonShape flag = rule("true or false", [](const Json &value) { return value.is_boolean(); });
  return object({{"version", text()},
                 {"batch", least_best_largest(whole(1, SIDE))},
                 {"profiles", list(least_best_largest(sides()))},
                 {"version_compatible?", flag},
                 {"stripped?", flag},
                 {"hardware_compatibility?", one_of({"none", "ampere+", "same-cc"})},
                 {"compute_capabilities?", list(text())}});
}

// Of an engine's parts that may be null. The file of a plugin is executed; older bundles name none.
JsonShape of_plugin() {
  const JsonShape name = rule("a plain name plugin-<platform>.so", [](const Json &value) {
    return value.is_string() && !platform_of_plugin(value.get<std::string>()).empty();
  });
  return object({{"sha256", text()}, {"file?", or_null(name)}});
}

std::optional<std::string> wrong_in_engine(const Json &engine) {
  static const JsonShape whole = of_engine(), plugin = of_plugin(), gpu = each(text());
  auto wrong = misshapen(engine, whole, "engine");
  const auto check = [&](const char *name, const JsonShape &shape) {
    if (!wrong && engine.contains(name) && !engine[name].is_null())
      wrong = misshapen(engine[name], shape, std::string("engine.") + name);
  };
  check("plugin", plugin);
  check("gpu", gpu);
  return wrong;
}

JsonShape of_memory() {
  const JsonShape count = whole(0, MOST);
  return object(
      {{"conditions", object({{"engine", each(text())}, {"cpu", text()}, {"cores", count}, {"options", each(text())}})},
       {"memory", object({{"fixed", number()},
                          {"per_pixel", number()},
                          {"per_picture", number()},
                          {"residual", number()},
                          {"per_pixel_fixed", or_null(number())}})},
       {"runs", list(object({{"shape", list(count)}, {"bytes", count}}))}});
}

struct OtherFormat : Fault {
  using Fault::Fault;
};

// The value of a part that may be missing or {}: then nothing is said.
const Json *part(const Json &values, const char *name) {
  const auto found = values.find(name);
  return found == values.end() || *found == Json::object() ? nullptr : &*found;
}

void check_shape(const Json &values) {
  // true is 1 in Python, and no integer; the rules say so.
  if (values.is_object() && values.contains("format") && values["format"] != FORMAT && values["format"] != true)
    throw OtherFormat("format " + shown(values["format"], 60));
  static const JsonShape manifest = of_manifest(), memory = of_memory();
  auto wrong = misshapen(values, manifest);
  if (!wrong && part(values, "engine")) wrong = wrong_in_engine(values["engine"]);
  if (!wrong && part(values, "memory")) wrong = misshapen(values["memory"], memory, "memory");
  if (!wrong && part(values, "engine") && values["target"] != "trt" && values["target"] != "trt-rtx")
    wrong = "it describes an engine, and its target is " + values["target"].get<std::string>();
  if (wrong) throw Fault(*wrong);
}

ShapeRange range_of(const Json &batch, const Json &profile) {
  const auto shape = [&](const char *which) {
    return Shape{batch[which].get<int64_t>(), profile[which][0].get<int64_t>(), profile[which][1].get<int64_t>()};
  };
  return {shape("min"), shape("opt"), shape("max")};
}

// A text of an object that may be missing or null; "" where there is none.
std::string text_in(const Json &values, const char *part, const char *name) {
  const auto found = values.find(part);
  if (found == values.end() || !found->is_object()) return "";
  const auto value = found->find(name);
  return value != found->end() && value->is_string() ? value->get<std::string>() : "";
}

EngineRecord engine_of(const Json &values) {
  EngineRecord record;
  const Json *engine = part(values, "engine");
  if (!engine) return record;
  record.version = (*engine)["version"].get<std::string>();
  record.version_compatible = engine->value("version_compatible", false);
  record.stripped = engine->value("stripped", false);
  const Json *plugin = part(*engine, "plugin");  // what is known of the library, or null
  record.plugin = plugin && !plugin->is_null();
  record.plugin_file = text_in(*engine, "plugin", "file");
  record.plugin_sha256 = text_in(*engine, "plugin", "sha256");
  record.plugin_in_python = text_in(*engine, "plugin", "kind") == "python";
  record.dft = engine->contains("spectral") && (*engine)["spectral"] == "dft";
  record.gpus = text_in(*engine, "gpu", "name");
  record.capability = text_in(*engine, "gpu", "compute_capability");
  record.hardware = engine->value("hardware_compatibility", "none");
  if (engine->contains("compute_capabilities"))
    record.capabilities = (*engine)["compute_capabilities"].get<std::vector<std::string>>();
  for (const Json &profile : (*engine)["profiles"]) record.ranges.push_back(range_of((*engine)["batch"], profile));
  return record;
}

// nullopt where the model takes any shape, as `Bundle.fixed_shape` of Python.
std::optional<Shape> fixed_of(const Json &values) {
  static const JsonShape side = whole(1, SIDE);
  const auto mask = values["inputs"].find("mask");
  if (mask == values["inputs"].end() || !mask->contains("shape")) return std::nullopt;
  const Json &dims = (*mask)["shape"];
  if (!dims.is_array() || dims.size() < 3) return std::nullopt;
  const Json &n = dims[0], &h = dims[dims.size() - 2], &w = dims[dims.size() - 1];
  for (const Json *one : {&n, &h, &w})
    if (misshapen(*one, side)) return std::nullopt;
  return Shape{n.get<int64_t>(), h.get<int64_t>(), w.get<int64_t>()};
}

// nullopt also for a record with a negative value, as `memory_of` of Python has it.
std::optional<Memory> memory_of(const Json &values) {
  if (!part(values, "memory")) return std::nullopt;
  const Json &memory = values["memory"]["memory"];
  for (const Json &value : memory)
    if (value.is_number() && value.get<double>() < 0) return std::nullopt;
  Memory found;
  found.fixed = int64_t(std::min(memory["fixed"].get<double>(), double(int64_t(1) << 62)));
  found.per_pixel = memory["per_pixel"].get<double>();
  if (memory["per_pixel_fixed"].is_number()) found.per_pixel_fixed = memory["per_pixel_fixed"].get<double>();
  found.per_picture = memory["per_picture"].get<double>();
  found.residual = memory["residual"].get<double>();
  return found;
}

// Letters of other scripts are let be, as \w of Python: no byte of theirs leads out of a folder.
bool is_plain(const std::string &name) {
  if (name.empty() || name.size() > MOST_OF_A_NAME || name[0] == '.' || name[0] == '-') return false;
  for (const unsigned char c : name)
    if (c < 0x80 && !std::isalnum(c) && c != '_' && c != '.' && c != '-') return false;
  return true;
}

void check_names(const std::string &path, const Bundle &bundle) {
  const std::string model = bundle.target == "onnx" ? "model.onnx" : bundle.target == "openvino" ? "model.xml" : ENGINE;
  for (const BundleFile &file : bundle.files)
    if (!is_plain(file.name))
      throw Error(LAMA_BAD_BUNDLE, path + ": names the file '" + brief(file.name, 60) +
                                       "', and allowed are only plain names of files beside it, such as " + model +
                                       "; export the bundle again");
  for (const std::string &name : {model, bundle.engine.plugin_file})
    if (!name.empty() && !bundle.file(name)) throw Fault(name + " is not among its files");
}

// Engines of phones have programs of their own.
void check_opened(const std::string &path, const Bundle &bundle) {
  for (const char *other : {"litert", "mnn", "coreml", "ncnn", "torchscript"})
    if (bundle.target == other)
      throw Error(LAMA_BAD_BUNDLE, path + ": is for " + other +
                                       ", and allowed are bundles for onnx, openvino, trt and trt-rtx; make one with "
                                       "lama-export --to onnx, or open its model with that engine (docs/phones.md)");
}

Bundle bundle_of(const Json &values) {
  check_shape(values);
  Bundle bundle;
  bundle.generator = generator_of(values["generator"]);
  bundle.target = values["target"].get<std::string>();
  bundle.precision = values["precision"].get<std::string>();
  bundle.io = values["io"].get<std::string>();
  bundle.decoder = values.value("decoder", "whole");
  for (const auto &[name, file] : values["files"].items())
    bundle.files.push_back({name, file["bytes"].get<int64_t>(), file["sha256"].get<std::string>()});
  bundle.engine = engine_of(values);
  bundle.memory = memory_of(values);
  bundle.fixed = fixed_of(values);
  return bundle;
}

}  // namespace

Bundle read_manifest(const std::string &path, const std::string &text) {
  const std::string name = brief(path);
  try {
    const Json values = parsed(text);
    Bundle bundle = bundle_of(values);
    check_opened(name, bundle);
    check_names(name, bundle);
    return bundle;
  } catch (const OtherFormat &fault) {
    throw Error(LAMA_BAD_BUNDLE, name + ": " + fault.what() + ", but this version reads 1; export again or upgrade");
  } catch (const Fault &fault) {
    throw Error(LAMA_BAD_BUNDLE, name + ": damaged (" + fault.what() + "); export the bundle again");
  }
}

}  // namespace lama

#include "engines/openvino.h"

#include <new>

#include "engines/failures.h"
#include "engines/memory_table.h"
#include "engines/openvino_files.h"
#include "engines/openvino_model.h"
#include "engines/planes.h"
#include "engines/results.h"

namespace lama {

namespace {

// As lama_deploy/runtime/backends/openvino.py, which says why they are what they are.
constexpr int64_t PIXELS_WORTH_COMPILING = 4000000;
constexpr int KEPT_LAYERS = 128;

// A bundle's precision, OpenVINO's hint for it, what a model with that hint computes in, and what OpenVINO calls a CPU
// that does.
struct Precision {
  const char *name, *hint, *computed, *feature;
};

// What int8 leaves out runs in bf16.
constexpr Precision PRECISIONS[] = {{"fp32", "f32", "fp32", "FP32"},
                                    {"fp16", "f16", "fp16", "FP16"},
                                    {"bf16", "bf16", "bf16", "BF16"},
                                    {"int8", "bf16", "bf16", "BF16"}};

// What a run of `shape` throws, as errors of ours.
template <typename Run>
auto guarded(const Shape &shape, Run run) {
  try {
    return run();
  } catch (const OvFailure &failure) {
    throw engine_failure("OpenVINO", shape, failure.what());
  } catch (const std::bad_alloc &failure) {
    throw engine_failure("OpenVINO", shape, failure.what());
  }
}

std::string last_line(const std::string &text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "it did not say why";
  const size_t begin = text.find_last_of('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1, end - begin);
}

// What both kinds of a model are: one for any shape, and one that is fixed to one.
class OpenVinoModel : public Backend {
 public:
  explicit OpenVinoModel(const OpenVinoApi &api) : api_(api) {}

  const Capabilities &capabilities() const override { return capabilities_; }
  std::string name() const override { return "openvino"; }
  std::string version() const override { return api_.version(); }
  std::string library() const override { return api_.path(); }

  void run(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) override {
    guarded(shape, [&] { compute(shape, images, masks, results); });
  }

 protected:
  const OpenVinoApi &api_;
  std::string io_;
  Capabilities capabilities_;
  std::unique_ptr<OvCompiled> compiled_;

 private:
  void compute(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) const {
    if (io_ == "uint8") return compiled_->run(shape, io_, images, masks, results);
    const std::vector<float> image = unit_images(shape, images), mask = unit_masks(shape, masks);
    compiled_->run(shape, io_, image.data(), mask.data(), results);
  }
};

class FixedModel : public OpenVinoModel {
 public:
  FixedModel(const OpenVinoApi &api, std::unique_ptr<OvCompiled> compiled, std::string io, Capabilities capabilities,
             const Shape &shape)
      : OpenVinoModel(api) {
    io_ = std::move(io);
    capabilities_ = std::move(capabilities);
    capabilities_.shapes = {{shape, shape, shape}};
    capabilities_.fixed_from.reset();
    capabilities_.workers = compiled->make_requests() + 1;
    compiled_ = std::move(compiled);
  }
};

class OpenVinoBackend : public OpenVinoModel {
 public:
  OpenVinoBackend(const Bundle &bundle, const EngineOptions &options)
      : OpenVinoModel(OpenVinoApi::of(options.engine)), files_(ModelFiles::read(bundle)) {
    weights_ = std::make_shared<const std::string>(std::move(files_.weights));
    const std::string made_for = files_.property("precision").value_or("");
    const std::string hint = options.precision.empty() ? supported_hint(made_for, options.log) : options.precision;
    properties_ = {{"INFERENCE_PRECISION_HINT", hint},
                   {"PERFORMANCE_HINT", "LATENCY"},
                   {"CPU_RUNTIME_CACHE_CAPACITY", std::to_string(KEPT_LAYERS)}};
    if (options.threads > 0) properties_.emplace_back("INFERENCE_NUM_THREADS", std::to_string(options.threads));
    if (!options.cache.empty()) properties_.emplace_back("CACHE_DIR", cache_folder(options.cache, files_.digest));
    open(bundle, options.streams);
    check_precision(bundle, made_for);
    capabilities_.fixed_from = PIXELS_WORTH_COMPILING;
    capabilities_.memory = estimated_memory(name(), bundle, computed(made_for, hint));
  }

  std::unique_ptr<Backend> fixed(const Shape &shape) override {
    const OvSizes sizes = {image_sizes(shape, io_), mask_sizes(shape, io_)};
    OvProperties properties = properties_;
    properties.emplace_back("NUM_STREAMS", "1");  // since each would hold the memory of a large picture
    return guarded(shape, [&]() -> std::unique_ptr<Backend> {
      auto compiled = std::make_unique<OvCompiled>(api_, files_.whole_xml(), weights_, properties, &sizes);
      return std::make_unique<FixedModel>(api_, std::move(compiled), io_, capabilities_, shape);
    });
  }

 private:
  void open(const Bundle &bundle, int streams) {
    OvProperties properties = properties_;
    if (streams > 0) properties.emplace_back("NUM_STREAMS", std::to_string(streams));
    try {
      compiled_ = std::make_unique<OvCompiled>(api_, files_.xml, weights_, properties);
      io_ = check_interface(bundle.model(), files_.property("io").value_or(""), compiled_->values(), "openvino");
      capabilities_.workers = compiled_->make_requests() + 1;  // one reads or writes pictures while the others wait
    } catch (const OvFailure &failure) {
      throw Error(LAMA_BAD_BUNDLE, brief(files_.path) + ": OpenVINO cannot open it (" +
                                       brief(last_line(failure.what())) + "); export it again");
    }
  }

  std::string supported_hint(const std::string &precision, const Log &log) const {
    for (const Precision &known : PRECISIONS) {
      if (precision != known.name) continue;
      if (features().find(known.feature) != std::string::npos) return known.hint;
      const std::string runs =
          precision == "int8" ? "what its 8-bit convolutions leave runs" : precision + std::string(" runs");
      log.warn(std::string("OpenVINO does not compute in ") + known.hint + " on this CPU; " + runs +
               " in f32 instead, right and slower");
      return "f32";
    }
    throw Error(LAMA_BAD_BUNDLE,
                brief(files_.path) + ": not a LaMa model of lama-export; make one with lama-export --to openvino");
  }

  std::string features() const {
    char *value = nullptr;
    const ov::Status status = api_.core_get_property(api_.core(), "CPU", "OPTIMIZATION_CAPABILITIES", &value);
    return status == 0 ? api_.text(value) : "FP32";
  }

  // The bundle's precision where the hint is its own, else what the hint is for.
  static std::string computed(const std::string &made_for, const std::string &hint) {
    for (const Precision &known : PRECISIONS)
      if (made_for == known.name && hint == known.hint) return made_for;
    for (const Precision &known : PRECISIONS)
      if (hint == known.hint) return known.computed;
    return "";
  }

  ModelFiles files_;  // but for the weights
  std::shared_ptr<const std::string> weights_;
  OvProperties properties_;  // but for streams
};

}  // namespace

std::unique_ptr<Backend> open_openvino(const Bundle &bundle, const EngineOptions &options) {
  const std::string &precision = options.precision;
  if (!precision.empty() && precision != "f32" && precision != "f16" && precision != "bf16")
    throw Error(LAMA_INVALID_ARGUMENT,
                "precision is " + brief(precision, 60) + "; allowed: f32, f16, bf16, or none for the bundle's own");
  return std::make_unique<OpenVinoBackend>(bundle, options);
}

}  // namespace lama

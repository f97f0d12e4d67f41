// SpectralConv through TensorRT's interface, in the order TensorRT calls it, with the kernels run on the CPU.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "plan_cache.h"
#include "tensor_description.h"
#include "tensorrt_interface.h"

extern "C" nvinfer1::IPluginCreatorInterface *const *getCreators(int32_t &count);

namespace {

using namespace nvinfer1;
using Plugin = std::unique_ptr<IPluginV3>;

constexpr int kInputs = 8;  // x, weight, bias and five matrices
int failures = 0;

void check(bool holds, const char *what) {
  if (holds) return;
  std::printf("failed: %s (%s)\n", what, lama_spectral_last_error());
  ++failures;
}

IPluginCreatorV3One &creator() {
  int32_t count = 0;
  IPluginCreatorInterface *const *all = getCreators(count);
  check(count == 1 && std::strcmp(all[0]->getInterfaceInfo().kind, "PLUGIN CREATOR_V3ONE") == 0, "one creator");
  return static_cast<IPluginCreatorV3One &>(*all[0]);
}

Plugin create(int32_t backend, TensorRTPhase phase = TensorRTPhase::kBUILD) {
  const PluginField field("backend", &backend, PluginFieldType::kINT32, 1);
  PluginFieldCollection fields;
  fields.nbFields = 1;
  fields.fields = &field;
  return Plugin(creator().createPlugin("fu", &fields, phase));
}

IPluginV3OneCore &core(const Plugin &plugin) {
  return static_cast<IPluginV3OneCore &>(*plugin->getCapabilityInterface(PluginCapabilityType::kCORE));
}

IPluginV3OneBuild &build(const Plugin &plugin) {
  return static_cast<IPluginV3OneBuild &>(*plugin->getCapabilityInterface(PluginCapabilityType::kBUILD));
}

IPluginV3OneRuntime &runtime(const Plugin &plugin) {
  return static_cast<IPluginV3OneRuntime &>(*plugin->getCapabilityInterface(PluginCapabilityType::kRUNTIME));
}

Dims dims(std::initializer_list<int64_t> sizes) {
  Dims made{};
  made.nbDims = int32_t(sizes.size());
  std::copy(sizes.begin(), sizes.end(), made.d);
  return made;
}

// The node's tensors, inputs and then y, with x between 1 x C x 4 x 6 and 2 x C x 20 x 30.
std::vector<DynamicPluginTensorDesc> tensors(int64_t channels, DataType type, TensorFormat format) {
  std::vector<DynamicPluginTensorDesc> all(kInputs + 1);
  for (auto &one : all) one.desc.type = type;
  for (int index : {0, kInputs}) {
    all[index].desc.dims = dims({-1, channels, -1, -1});
    all[index].min = dims({1, channels, 4, 6});
    all[index].max = dims({2, channels, 20, 30});
    all[index].desc.format = format;
  }
  all[1].desc.dims = dims({2 * channels, 2 * channels, 1, 1});
  all[2].desc.dims = dims({2 * channels});
  return all;
}

void test_identity_and_fields() {
  const Plugin plugin = create(LAMA_SPECTRAL_TENSOR_CORE);
  check(std::strcmp(core(plugin).getPluginName(), "SpectralConv") == 0, "name");
  check(std::strcmp(core(plugin).getPluginVersion(), "1") == 0, "version");
  check(core(plugin).getPluginNamespace()[0] == '\0', "namespace");
  check(std::strcmp(creator().getFieldNames()->fields[0].name, "backend") == 0, "field names");
  const Plugin copy(plugin->clone());
  const Plugin restored(creator().createPlugin("fu", runtime(copy).getFieldsToSerialize(), TensorRTPhase::kRUNTIME));
  const PluginFieldCollection *fields = runtime(restored).getFieldsToSerialize();
  check(fields->nbFields == 1 && *static_cast<const int32_t *>(fields->fields[0].data) == LAMA_SPECTRAL_TENSOR_CORE,
        "serialised fields");
  const Plugin standard(creator().createPlugin("fu", nullptr, TensorRTPhase::kBUILD));
  check(*static_cast<const int32_t *>(runtime(standard).getFieldsToSerialize()->fields[0].data) == 0,
        "default backend");
  check(create(3) == nullptr && create(-1) == nullptr, "a backend that does not exist");
}

bool offered(int64_t channels, DataType type, TensorFormat format) {
  const Plugin plugin = create(0);
  auto all = tensors(channels, type, format);
  all[5].desc.type = DataType::kFLOAT;  // a matrix, in whatever type
  bool taken = true;
  for (int position = 0; position <= kInputs; ++position) {
    taken = taken && build(plugin).supportsFormatCombination(position, all.data(), kInputs, 1);
  }
  return taken;
}

void test_formats() {
  for (DataType type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16}) {
    check(offered(12, type, TensorFormat::kLINEAR) && offered(12, type, TensorFormat::kHWC), "LINEAR and HWC");
    check(!offered(12, type, TensorFormat::kHWC8), "HWC8 pads 12 channels");
    check(!offered(16, type, TensorFormat(5)), "CHW32");
  }
  check(offered(16, DataType::kHALF, TensorFormat::kHWC8) && offered(16, DataType::kBF16, TensorFormat::kHWC8), "HWC8");
  check(!offered(16, DataType::kFLOAT, TensorFormat::kHWC8), "HWC8 of float32");
  check(!offered(16, DataType::kINT32, TensorFormat::kLINEAR), "int32");
  const Plugin plugin = create(0);
  auto mixed = tensors(16, DataType::kHALF, TensorFormat::kHWC);
  mixed[1].desc.type = DataType::kFLOAT;
  check(!build(plugin).supportsFormatCombination(1, mixed.data(), kInputs, 1), "weight of another type");
  mixed[kInputs].desc.format = TensorFormat::kLINEAR;
  check(!build(plugin).supportsFormatCombination(kInputs, mixed.data(), kInputs, 1), "y in another format");
}

void test_the_only_format_for_rtx() {
  for (DataType type : {DataType::kFLOAT, DataType::kHALF, DataType::kBF16}) {
    const TensorFormat only = type == DataType::kBF16 ? TensorFormat::kLINEAR : TensorFormat::kHWC;
    for (TensorFormat format : {TensorFormat::kLINEAR, TensorFormat::kHWC, TensorFormat::kHWC8}) {
      check(lama::takes(tensors(16, type, format)[0].desc, true) == (format == only), "TensorRT-RTX's only format");
    }
  }
}

void test_outputs() {
  const Plugin plugin = create(0);
  alignas(8) unsigned char no_builder[8] = {};
  DimsExprs inputs[kInputs] = {}, output{};
  inputs[0].nbDims = 4;
  inputs[0].d[3] = reinterpret_cast<const IDimensionExpr *>(no_builder);
  check(build(plugin).getOutputShapes(inputs, kInputs, nullptr, 0, &output, 1,
                                      reinterpret_cast<IExprBuilder &>(no_builder)) == 0,
        "shapes");
  check(output.nbDims == 4 && output.d[3] == inputs[0].d[3], "y has x's shape");
  const DataType types[kInputs] = {DataType::kBF16};
  DataType type{};
  check(build(plugin).getOutputDataTypes(&type, 1, types, kInputs) == 0 && type == DataType::kBF16, "y has x's type");
  check(build(plugin).getOutputDataTypes(&type, 1, types, 2) != 0, "too few inputs");
}

void test_workspace() {
  const Plugin plugin = create(0);
  const auto all = tensors(16, DataType::kHALF, TensorFormat::kHWC8);
  check(build(plugin).configurePlugin(all.data(), kInputs, &all[kInputs], 1) == 0, "configure");
  const lama_spectral_desc smallest = {1, 16, 4, 6, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_AUTO};
  const lama_spectral_desc largest = {2, 16, 20, 30, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_AUTO};
  size_t needed = 0;
  lama_spectral_workspace_size_range(&smallest, &largest, &needed);
  const size_t found = build(plugin).getWorkspaceSize(all.data(), kInputs, &all[kInputs], 1);
  check(needed > 0 && found == needed + LAMA_SPECTRAL_ALIGNMENT - 1, "workspace of the profile, and room to align it");
  auto wrong = all;
  wrong[1].desc.dims.d[0] = 16;
  check(build(plugin).configurePlugin(wrong.data(), kInputs, &wrong[kInputs], 1) != 0, "weight of another size");
  wrong = all;
  std::swap(wrong[0].min, wrong[0].max);
  check(build(plugin).configurePlugin(wrong.data(), kInputs, &wrong[kInputs], 1) != 0, "inverted profile");
}

struct Shape {
  int batch, channels, height, width;
};

void put(DataType type, void *at, size_t i, double value) {
  if (type == DataType::kFLOAT) static_cast<float *>(at)[i] = float(value);
  if (type == DataType::kHALF) static_cast<__half *>(at)[i] = __float2half_rn(float(value));
  if (type == DataType::kBF16) static_cast<__nv_bfloat16 *>(at)[i] = __float2bfloat16_rn(float(value));
}

double get(DataType type, const void *at, size_t i) {
  if (type == DataType::kFLOAT) return static_cast<const float *>(at)[i];
  if (type == DataType::kHALF) return __half2float(static_cast<const __half *>(at)[i]);
  return __bfloat162float(static_cast<const __nv_bfloat16 *>(at)[i]);
}

// One tensor as TensorRT would hand it over, its values in float64 too.
struct Tensor {
  Tensor(size_t count, DataType type, double deviation, unsigned seed) : exact(count) {
    if (posix_memalign(&data, 256, count * 4) != 0) std::abort();
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0.1, deviation);
    for (size_t i = 0; i < count; ++i) {
      put(type, data, i, normal(random));
      exact[i] = get(type, data, i);
    }
  }
  Tensor(const Tensor &) = delete;
  Tensor &operator=(const Tensor &) = delete;
  ~Tensor() { std::free(data); }
  void *data = nullptr;
  std::vector<double> exact;
};

// Run the context's plugin once. The workspace is what the plugin asked for, deliberately not aligned.
void run(const Plugin &context, DataType type, TensorFormat format, Shape s, double allowed, unsigned weights = 2) {
  const size_t count = size_t(s.batch) * s.channels * s.height * s.width, twice = 2 * size_t(s.channels);
  const Tensor x(count, type, 1, 1), weight(twice * twice, type, 1 / std::sqrt(double(twice)), weights),
      bias(twice, type, 0.5, weights + 1), y(count, type, 0, 4);
  auto all = tensors(s.channels, type, format);
  const size_t bytes = build(context).getWorkspaceSize(all.data(), kInputs, &all[kInputs], 1);
  std::vector<unsigned char> workspace(bytes + 1);
  PluginTensorDesc descs[kInputs] = {all[0].desc};
  descs[0].dims = dims({s.batch, s.channels, s.height, s.width});
  const void *inputs[kInputs] = {x.data, weight.data, bias.data};
  void *outputs[] = {y.data};
  check(runtime(context).onShapeChange(descs, kInputs, descs, 1) == 0, "shape change");
  check(runtime(context).enqueue(descs, descs, inputs, outputs, workspace.data() + 1, nullptr) == 0, "enqueue");

  std::vector<double> expected(count);
  const auto layout = format == TensorFormat::kLINEAR ? LAMA_SPECTRAL_NCHW : LAMA_SPECTRAL_NHWC;
  const lama_spectral_desc desc = {s.batch, s.channels,        s.height, s.width, LAMA_SPECTRAL_FLOAT32,
                                   layout,  LAMA_SPECTRAL_AUTO};
  lama_spectral_reference(&desc, x.exact.data(), weight.exact.data(), bias.exact.data(), nullptr, expected.data());
  double error = 0, largest = 0;
  for (size_t i = 0; i < count; ++i) {
    error = std::max(error, std::abs(get(type, y.data, i) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  check(error <= allowed * largest, "the float64 reference");
}

void test_runs() {
  const Plugin engine = create(0, TensorRTPhase::kRUNTIME);
  const Plugin first(runtime(engine).attachToContext(nullptr)), second(runtime(engine).attachToContext(nullptr));
  check(first != engine && first != second, "each context has an instance of its own");
  const Shape small = {1, 8, 5, 7}, largest = {2, 8, 20, 30};  // which fills the workspace
  for (const Plugin *context : {&first, &second, &first}) {
    run(*context, DataType::kFLOAT, TensorFormat::kLINEAR, small, 2e-5);
    run(*context, DataType::kFLOAT, TensorFormat::kHWC, largest, 2e-5);
    run(*context, DataType::kHALF, TensorFormat::kHWC8, largest, 4e-3);
    run(*context, DataType::kHALF, TensorFormat::kHWC, small, 4e-3);
    run(*context, DataType::kBF16, TensorFormat::kLINEAR, small, 3e-2);
  }
  // As after a refit: other weights, and nothing else that the plugin is told.
  run(first, DataType::kHALF, TensorFormat::kHWC8, largest, 4e-3, 12);
}

// NvInferRuntime.h, IPluginV3OneBuild::getValidTactics: unique and non-zero, of the format of the last configurePlugin.
std::vector<int32_t> tactics_of(const Plugin &plugin, int64_t channels, DataType type, int64_t longest = 30) {
  auto all = tensors(channels, type, TensorFormat::kLINEAR);
  all[0].opt = dims({1, channels, 8, 12});
  all[0].max.d[3] = longest;
  check(build(plugin).configurePlugin(all.data(), kInputs, &all[kInputs], 1) == 0, "configure");
  std::vector<int32_t> found(build(plugin).getNbTactics());
  check(build(plugin).getValidTactics(found.data(), int32_t(found.size())) == 0, "tactics");
  return found;
}

void test_tactics_that_are_offered() {
  const std::vector<int32_t> both = {LAMA_SPECTRAL_CUFFT, LAMA_SPECTRAL_TENSOR_CORE}, cufft = {LAMA_SPECTRAL_CUFFT};
  const Plugin plugin = create(LAMA_SPECTRAL_AUTO);
  check(build(plugin).getNbTactics() == 0, "none before it is configured");
  check(tactics_of(plugin, 16, DataType::kHALF) == both, "both");
  check(tactics_of(plugin, 16, DataType::kFLOAT) == cufft, "tensor cores take no float32");
  check(tactics_of(plugin, 12, DataType::kHALF) == cufft, "nor 12 channels");
  check(tactics_of(plugin, 16, DataType::kHALF, LAMA_SPECTRAL_MAX_DENSE + 1) == cufft, "nor all of this profile");
  check(tactics_of(plugin, 16, DataType::kBF16) == both, "both again");
  check(tactics_of(create(LAMA_SPECTRAL_TENSOR_CORE), 16, DataType::kHALF).empty(), "the node chose");
  int32_t tactics[3];
  check(build(plugin).getValidTactics(tactics, 3) != 0, "more than there are");
}

// On a GPU that is older, without libraries, and without a GPU. Seen by the emulation, which is told by the
// environment.
void test_tactics_of_this_machine() {
  const Plugin plugin = create(LAMA_SPECTRAL_AUTO);
  setenv("LAMA_EMULATION_CAPABILITY", "75", 1);
  check(tactics_of(plugin, 24, DataType::kHALF) == std::vector<int32_t>{LAMA_SPECTRAL_CUFFT}, "an older GPU");
  unsetenv("LAMA_EMULATION_CAPABILITY");
  setenv("LAMA_EMULATION_WITHOUT", "cufft", 1);
  check(tactics_of(plugin, 32, DataType::kHALF) == std::vector<int32_t>{LAMA_SPECTRAL_TENSOR_CORE}, "without cuFFT");
  setenv("LAMA_EMULATION_WITHOUT", "device", 1);
  check(tactics_of(plugin, 40, DataType::kHALF).empty(), "without a GPU");
  unsetenv("LAMA_EMULATION_WITHOUT");
}

void test_tactics_are_run() {
  const Plugin plugin = create(LAMA_SPECTRAL_AUTO, TensorRTPhase::kRUNTIME);
  const Shape shape = {1, 8, 5, 7};
  for (int32_t tactic : {int32_t(LAMA_SPECTRAL_TENSOR_CORE), int32_t(LAMA_SPECTRAL_CUFFT), 0}) {
    check(runtime(plugin).setTactic(tactic) == 0, "a tactic");
    const Plugin context(runtime(plugin).attachToContext(nullptr));
    run(context, DataType::kHALF, TensorFormat::kHWC, shape, 4e-3);
    if (tactic != 0) run(context, DataType::kHALF, TensorFormat::kLINEAR, {1, 8, 20, 30}, 4e-3);
  }
  check(runtime(plugin).setTactic(LAMA_SPECTRAL_TENSOR_CORE) == 0, "tensor cores");
  const Plugin context(runtime(plugin).attachToContext(nullptr));
  auto all = tensors(8, DataType::kFLOAT, TensorFormat::kLINEAR);
  all[0].desc.dims = dims({1, 8, 5, 7});
  check(runtime(context).onShapeChange(&all[0].desc, kInputs, &all[0].desc, 1) != 0, "the tactic is the context's too");
  check(runtime(plugin).setTactic(3) != 0 && runtime(plugin).setTactic(-1) != 0, "no such tactic");
}

void test_a_tactic_whose_library_is_missing() {
  const Plugin plugin = create(LAMA_SPECTRAL_AUTO, TensorRTPhase::kRUNTIME);
  check(runtime(plugin).setTactic(LAMA_SPECTRAL_CUFFT) == 0, "a tactic");
  const Plugin context(runtime(plugin).attachToContext(nullptr));
  setenv("LAMA_EMULATION_WITHOUT", "cufft", 1);
  run(context, DataType::kHALF, TensorFormat::kHWC, {1, 48, 5, 7}, 4e-3);
  check(runtime(context).setTactic(LAMA_SPECTRAL_CUFFT) == 0, "after a shape");
  auto all = tensors(48, DataType::kFLOAT, TensorFormat::kLINEAR);
  all[0].desc.dims = dims({1, 48, 5, 7});
  check(runtime(context).onShapeChange(&all[0].desc, kInputs, &all[0].desc, 1) != 0, "no way is left");
  unsetenv("LAMA_EMULATION_WITHOUT");
}

void test_timings_are_kept_apart() {
  const Plugin automatic = create(0), cufft = create(1), tensor = create(2);
  const char *ids[] = {build(automatic).getTimingCacheID(), build(cufft).getTimingCacheID(),
                       build(tensor).getTimingCacheID()};
  check(std::strcmp(ids[0], ids[1]) != 0 && std::strcmp(ids[1], ids[2]) != 0, "by the node's choice");
  check(std::strcmp(ids[0], build(Plugin(automatic->clone())).getTimingCacheID()) == 0, "the same of a clone");
  check(std::strlen(ids[0]) > 16, "by the kernels' sources");
}

void test_plans() {
  const auto desc = [](int width) {
    return lama_spectral_desc{1, 8, 4, width, LAMA_SPECTRAL_FLOAT32, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_AUTO};
  };
  const lama_spectral_plan *plan = nullptr, *same = nullptr;
  lama::PlanCache first;
  lama::SharedPlan held;
  check(first.get(desc(4), &plan) == LAMA_SPECTRAL_OK, "plan");
  check(lama::prepared_plan(desc(4), 0, &held) == LAMA_SPECTRAL_OK && held.get() == plan, "layers share a plan");
  held.reset();
  std::weak_ptr<const lama_spectral_plan> watched;
  check(lama::prepared_plan(desc(5), 0, &held) == LAMA_SPECTRAL_OK && first.get(desc(5), &same) == LAMA_SPECTRAL_OK,
        "second plan");
  watched = held;
  held.reset();
  for (size_t i = 0; i < lama::PlanCache::kCapacity - 1; ++i) {
    check(first.get(desc(4), &same) == LAMA_SPECTRAL_OK && same == plan, "a plan that is used stays");
    check(first.get(desc(6 + int(i)), &same) == LAMA_SPECTRAL_OK, "many plans");
  }
  check(watched.expired(), "the longest unused plan goes");
}

}  // namespace

int main() {
  test_identity_and_fields();
  test_formats();
  test_the_only_format_for_rtx();
  test_outputs();
  test_workspace();
  test_tactics_that_are_offered();
  test_tactics_of_this_machine();
  test_tactics_are_run();
  test_a_tactic_whose_library_is_missing();
  test_timings_are_kept_apart();
  test_runs();
  test_plans();
  return failures == 0 ? 0 : 1;
}

#include "nvinfer_context.h"

#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

namespace fake {

using namespace nvinfer1;
using lama::cuda::Address;

namespace {

int64_t pixels(const Sizes &sizes) {
  return sizes[0] * sizes[1] * sizes[2];
}

// Pictures, height and width of an input's dimensions; zeros where they are none.
Sizes sizes_of(const std::string &name, const Dims &dims, bool floats) {
  const bool image = name == "image";
  if (dims.nbDims != (image || floats ? 4 : 3)) return {};
  if (floats) return dims.d[1] == (image ? 3 : 1) ? Sizes{dims.d[0], dims.d[2], dims.d[3]} : Sizes{};
  return !image || dims.d[3] == 3 ? Sizes{dims.d[0], dims.d[1], dims.d[2]} : Sizes{};
}

template <typename Value>
Value *at(Address address) {
  return reinterpret_cast<Value *>(static_cast<uintptr_t>(address));
}

void fill_bytes(const Sizes &sizes, const uint8_t *image, const uint8_t *mask, uint8_t *result) {
  for (int64_t i = 0; i < pixels(sizes); ++i)
    for (int64_t c = 0; c < 3; ++c)
      result[3 * i + c] = uint8_t(mask[i] ? image[3 * i + c] * 5 + i % sizes[2] + c : image[3 * i + c]);
}

void fill_floats(const Sizes &sizes, const float *image, const float *mask, float *result) {
  const int64_t plane = sizes[1] * sizes[2];
  for (int64_t n = 0; n < sizes[0]; ++n)
    for (int64_t i = 0; i < 3 * plane; ++i)
      result[3 * n * plane + i] =
          mask[n * plane + i % plane] > 0.5f ? 1.25f - image[3 * n * plane + i] : image[3 * n * plane + i];
}

}  // namespace

bool FakeContext::Run::operator==(const Run &other) const {
  return shape == other.shape && image == other.image && mask == other.mask && result == other.result &&
         scratch == other.scratch;
}

FakeContext::FakeContext(FakeEngine &engine) : engine_(engine) {
  mImpl = this;
  ++engine_.contexts;
  born("context");
}

FakeContext::~FakeContext() {
  life_->over = true;
  --engine_.contexts;
  gone("context");
}

bool FakeContext::refuse(const char *line) const {
  engine_.say(line);
  return false;
}

bool FakeContext::setOptimizationProfileAsync(int32_t index, cudaStream_t stream) noexcept {
  if (fails("setOptimizationProfileAsync")) return refuse("no such profile\nmore");
  profile_ = index;
  profile_stream_ = stream;
  return true;
}

bool FakeContext::setInputShape(const char *name, const Dims &dims) noexcept {
  if (fails("setInputShape")) return refuse("the shape is refused\nmore");
  const Sizes sizes = sizes_of(name, dims, engine_.plan().floats);
  const auto &[least, best, largest] = engine_.plan().profiles[size_t(profile_)];
  for (size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] < least[i] || sizes[i] > largest[i]) return refuse("Static dimension mismatch\nmore");
  if (shapes_[name] != sizes) ++life_->state, sized_ = false;
  shapes_[name] = sizes;
  return true;
}

size_t FakeContext::updateDeviceMemorySizeForShapes() noexcept {
  if (shapes_["image"] != shapes_["mask"]) broken("memory is asked for before all shapes are set (NvInferRuntime.h)");
  sized_ = true;
  scratch_ = 0;  // it "recomputes the sizes", and memory of the old parts is not theirs (NvInferRuntime.h)
  scratch_size_ = 0;
  if (fails("updateDeviceMemorySizeForShapes") || engine_.plan().silent) {
    engine_.say("sizes are not known\nmore");
    return 0;
  }
  return size_t(kScratchPerPixel * pixels(shapes_["mask"]));
}

void FakeContext::setDeviceMemory(void *memory) noexcept {
  const Address address = reinterpret_cast<uintptr_t>(memory);
  happened("scratch given");
  if (scratch_ != address) ++life_->state;
  scratch_ = address;
  scratch_size_ = kScratchPerPixel * pixels(shapes_["mask"]);
}

#if NV_TENSORRT_VERSION >= 100100
void FakeContext::setDeviceMemoryV2(void *memory, int64_t size) noexcept {
  setDeviceMemory(memory);
  scratch_size_ = size;
}
#endif

bool FakeContext::setTensorAddress(const char *name, void *data) noexcept {
  if (fails("setTensorAddress")) return refuse("the address is refused\nmore");
  const Address address = reinterpret_cast<uintptr_t>(data);
  if (!address || address % 256)
    broken("an address that is not aligned to 256 bytes (NvInferRuntime.h, setTensorAddress)");
  addresses_[name] = address;
  return true;
}

FakeContext::Run FakeContext::arranged() const {
  return {shapes_.at("mask"), addresses_.at("image"), addresses_.at("mask"), addresses_.at("result"), scratch_};
}

bool FakeContext::ready(cudaStream_t stream) const {
  if (shapes_.count("image") && shapes_.count("mask") && addresses_.size() == 3) {
    if (stream != profile_stream_) broken("a profile is taken on another stream (setOptimizationProfileAsync)");
    if (!sized_) broken("shapes changed, and scratch memory was not asked for again (setDeviceMemoryV2)");
    if (scratch_size_ < kScratchPerPixel * pixels(shapes_.at("mask"))) broken("too little scratch memory");
    return true;
  }
  return refuse("inputs are not set (NvInferRuntime.h, enqueueV3)");
}

bool FakeContext::enqueueV3(cudaStream_t stream) noexcept {
  if (fails("enqueueV3")) return refuse("a kernel failed\nmore");
  if (!ready(stream)) return false;
  const bool capturing = is_capturing(stream);
  const Run run = arranged();
  if (capturing) std::this_thread::sleep_for(std::chrono::microseconds(200));  // for who would come between
  // NVIDIA TensorRT Developer's Guide, "CUDA Graphs": enqueue once after a change of shapes, and capture then.
  if (capturing && (engine_.refuses_capture() || !(prepared_ == run)))
    return refuse("operation not permitted when stream is capturing\nmore");
  prepared_ = run;
  const int state = life_->state;
  return launch(stream, [this, life = life_, run, state, capturing] {
    if (life->over) return broken("a context is gone before its work is done");
    if (capturing && life->state != state) broken("a graph whose context has other shapes or scratch memory now");
    compute(run);
  });
}

// A kernel may write a part of the result while others still read what lies there.
void FakeContext::require_apart(const Run &run, int64_t bytes_of_image) const {
  const int64_t of_mask = bytes_of_image / 3;
  for (const auto &[start, size] : {std::make_pair(run.image, bytes_of_image), std::make_pair(run.mask, of_mask)})
    if (run.result < start + Address(size) && start < run.result + Address(bytes_of_image))
      broken("the result lies where an input is read");
}

void FakeContext::compute(const Run &run) const {
  const int64_t size = engine_.plan().floats ? 4 : 1, all = pixels(run.shape);
  if (!has(run.scratch, size_t(kScratchPerPixel * all))) return broken("scratch memory was freed");
  if (!has(run.image, size_t(3 * all * size)) || !has(run.mask, size_t(all * size)) ||
      !has(run.result, size_t(3 * all * size)))
    return broken("a tensor lies in no allocation");
  require_apart(run, 3 * all * size);
  std::memset(at<char>(run.scratch), 0x5a, size_t(kScratchPerPixel * all));
  if (!engine_.plan().floats)
    return fill_bytes(run.shape, at<uint8_t>(run.image), at<uint8_t>(run.mask), at<uint8_t>(run.result));
  fill_floats(run.shape, at<float>(run.image), at<float>(run.mask), at<float>(run.result));
  if (engine_.plan().nan) at<float>(run.result)[all] = std::numeric_limits<float>::quiet_NaN();
}

}  // namespace fake

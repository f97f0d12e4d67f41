#include "engines/onnxruntime.h"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "engines/failures.h"
#include "engines/memory_table.h"
#include "engines/onnxruntime_session.h"
#include "engines/planes.h"
#include "engines/results.h"

namespace lama {

namespace {

// From so many pixels on ONNX Runtime gives back what a run took, as Python's, which says why.
constexpr int64_t PIXELS_GIVEN_BACK = 1500000;

// Of each of so many runs at the same time, where `threads` are of all together; 0: as ONNX Runtime chooses.
int threads_of_each(int streams, int threads) {
  if (streams == 1) return threads;
  return std::max(1, (threads > 0 ? threads : int(sysconf(_SC_NPROCESSORS_ONLN))) / streams);
}

class OnnxBackend : public Backend {
 public:
  OnnxBackend(const Bundle &bundle, const EngineOptions &options) : api_(options.engine), model_(bundle.model()) {
    const int streams = std::max(1, options.streams);
    try {
      session_ = std::make_unique<OnnxSession>(api_, model_, threads_of_each(streams, options.threads));
      check(bundle);
    } catch (const OrtFailure &failure) {
      throw Error(LAMA_BAD_BUNDLE,
                  brief(model_) + ": ONNX Runtime cannot open it (" + failure.what() + "); export it again");
    }
    capabilities_.workers = streams;
    if (bundle.fixed) capabilities_.shapes = {{*bundle.fixed, *bundle.fixed, *bundle.fixed}};
  }

  const Capabilities &capabilities() const override { return capabilities_; }
  std::string name() const override { return "onnxruntime"; }
  std::string version() const override { return api_.version(); }
  std::string library() const override { return api_.path(); }

  void run(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) override {
    try {
      compute(shape, images, masks, results);
    } catch (const OrtFailure &failure) {
      throw engine_failure("ONNX Runtime", shape, failure.what());
    } catch (const std::bad_alloc &failure) {
      throw engine_failure("ONNX Runtime", shape, failure.what());
    }
  }

 private:
  void check(const Bundle &bundle) {
    io_ = check_interface(model_, session_->metadata("lama_deploy.io").value_or(""), session_->values(), "onnx");
    const auto precision = session_->metadata("lama_deploy.precision");
    check_precision(bundle, precision);
    capabilities_.memory = estimated_memory(name(), bundle, precision.value_or(""));
  }

  void compute(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) const {
    if (io_ == "uint8") return infer(shape, ort::UINT8, 1, images, masks, results);
    const std::vector<float> image = unit_images(shape, images), mask = unit_masks(shape, masks);
    infer(shape, ort::FLOAT, sizeof(float), image.data(), mask.data(), results);
  }

  // size: bytes of a value. ONNX Runtime writes to no input.
  void infer(const Shape &shape, ort::ElementType type, size_t size, const void *image, const void *mask,
             uint8_t *results) const {
    const size_t pixels = size_t(pixels_of(shape));
    const auto first = session_->tensor(type, image_sizes(shape, io_), const_cast<void *>(image), pixels * 3 * size);
    const auto second = session_->tensor(type, mask_sizes(shape, io_), const_cast<void *>(mask), pixels * size);
    const auto result = session_->run(first.get(), second.get(), int64_t(pixels) >= PIXELS_GIVEN_BACK);
    take_result(shape, io_, result.sizes, result.type == type, result.data, results);
  }

  const OnnxRuntimeApi api_;
  const std::string model_;
  std::string io_;
  Capabilities capabilities_;
  std::unique_ptr<OnnxSession> session_;
};

}  // namespace

std::unique_ptr<Backend> open_onnxruntime(const Bundle &bundle, const EngineOptions &options) {
  return std::make_unique<OnnxBackend>(bundle, options);
}

}  // namespace lama

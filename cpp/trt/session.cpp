#include "session.h"

#include "compatibility.h"
#include "errors.h"
#include "plugin.h"
#include "trt_log.h"

namespace lama {

namespace {

lama_trt_shape plain(const Shape &shape) {
  return {shape[0], shape[1], shape[2]};
}

void require_flavour(const lama_trt_options &options) {
  if (bool(options.rtx) == kIsRtx) return;
  const char *wanted = options.rtx ? "TensorRT-RTX" : "TensorRT";
  throw Error(LAMA_MISSING_LIBRARY, brief(options.model) + ": an engine of " + wanted + ", and this liblama_trt was " +
                                        "built with the headers of " + kTrtName + ": build one with those of " +
                                        wanted);
}

}  // namespace

// A lane that no other call has, until the scope is left.
class Session::Borrowed {
 public:
  explicit Borrowed(Session &session) : session_(session) {
    std::unique_lock<std::mutex> lock(session.mutex_);
    session.returned_.wait(lock, [&] { return !session.free_.empty(); });
    lane_ = session.free_.front();
    session.free_.pop_front();
  }
  ~Borrowed() {
    {
      const std::lock_guard<std::mutex> lock(session_.mutex_);
      session_.free_.push_back(lane_);
    }
    session_.returned_.notify_one();
  }
  Borrowed(const Borrowed &) = delete;
  Borrowed &operator=(const Borrowed &) = delete;
  Lane *operator->() const { return lane_; }

 private:
  Session &session_;
  Lane *lane_;
};

Session::Session(const lama_trt_options &options)
    : log_{options.log, options.log_user},
      library_((require_flavour(options), options.library)),
      device_((require_version(library_.version(), options), options.device)) {
  const Listening listening(log_);
  const cuda::Current current(device_);
  try {
    open(options);
  } catch (...) {  // while the context is current
    lanes_.clear();
    engine_.reset();
    throw;
  }
}

void Session::open(const lama_trt_options &options) {
  require_gpu(device_, options, log_);
  auto runtime = library_.make_runtime();  // first, since TensorRT then has a logger, for plugins too
  if (options.needs_dft && !kIsRtx) library_.register_own_plugins();
  if (options.needs_plugin) load_plugin(library_, options, log_);
  // NvInferRuntime.h, setEngineHostCodeAllowed: or a plan that brings a runtime of its own is refused. That is code, as
  // any plan and plugin are; who does not trust a bundle with an engine does not open it.
  if (options.version_compatible) runtime->setEngineHostCodeAllowed(true);
  engine_ = std::make_unique<Engine>(std::move(runtime), options.model, options.made_for);
  for (const ShapeRange &range : engine_->profiles())
    profiles_.push_back({plain(range.least), plain(range.best), plain(range.largest)});
  for (int i = 0; i < options.streams; ++i) {
    lanes_.push_back(std::make_unique<Lane>(*engine_, options.graphs, log_));
    free_.push_back(lanes_.back().get());
  }
  if (kIsRtx && options.graphs)
    log_.info("TensorRT-RTX compiles kernels for shapes as they come, so no CUDA graphs are kept of its engines");
}

Session::~Session() {
  const Listening listening(log_);
  cuda::Context left = nullptr;
  if (cuda::driver().context_push.tried(device_.context()) != cuda::kOk) {
    forsake();
    return;
  }
  lanes_.clear();
  engine_.reset();
  cuda::driver().context_pop.tried(&left);
}

// The driver has shut down, as the process ends, or who made the context has destroyed it: nothing can be freed any
// more, and TensorRT would try.
void Session::forsake() {
  for (std::unique_ptr<Lane> &lane : lanes_) static_cast<void>(lane.release());
  static_cast<void>(engine_.release());
}

void Session::describe(lama_trt_info &info) const {
  info.version = library_.version().c_str();
  info.library = library_.path().c_str();
  info.profiles = profiles_.data();
  info.profile_count = int32_t(profiles_.size());
  info.floats = engine_->floats();
}

void Session::run(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) {
  const int profile = profile_for(shape);
  const Listening listening(log_);
  const cuda::Current current(device_);
  Borrowed(*this)->run(profile, shape, images, masks, results);
}

void Session::run_on_device(const Shape &shape, const Places &places, void *stream) {
  if (engine_->floats())
    throw Error(
        LAMA_INVALID_ARGUMENT,
        "the engine takes floats, and pictures on the GPU are bytes: give them from the host, or export with the "
        "uint8 interface");
  const int profile = profile_for(shape);
  const Listening listening(log_);
  const cuda::Current current(device_);
  require_here(places.image, "images");
  require_here(places.mask, "masks");
  require_here(places.result, "results");
  const auto caller =
      reinterpret_cast<cuda::Stream>(stream ? reinterpret_cast<uintptr_t>(stream) : cuda::kLegacyStream);
  int capturing = 0;
  cuda::driver().stream_capturing(caller, &capturing);
  if (capturing)
    throw Error(LAMA_INVALID_ARGUMENT,
                "the stream is being captured into a CUDA graph, and liblama keeps graphs of its own: call it outside");
  Borrowed(*this)->run_on_device(profile, shape, places, caller);
}

int Session::profile_for(const Shape &shape) const {
  const Fitting found = fitting(engine_->profiles(), shape);
  if (found.shape == shape) return int(found.index);
  throw Error(LAMA_INVALID_ARGUMENT,
              "the engine takes " + described(engine_->profiles()) + ", not " + std::to_string(shape[0]) + " of " +
                  std::to_string(shape[1]) + "x" + std::to_string(shape[2]) +
                  "; pictures on the GPU are neither padded nor split: give them from the host, or export with a "
                  "--profile for this");
}

void Session::require_here(cuda::Address address, const char *what) const {
  int kind = 0, ordinal = 0;
  const cuda::Driver &cuda = cuda::driver();
  const bool known = cuda.pointer_attribute.tried(&kind, cuda::kMemoryType, address) == cuda::kOk &&
                     cuda.pointer_attribute.tried(&ordinal, cuda::kDeviceOrdinal, address) == cuda::kOk;
  if (known && kind == cuda::kDeviceMemory && ordinal == device_.ordinal()) return;
  throw Error(LAMA_INVALID_ARGUMENT, std::string("the ") + what + " do not lie in the memory of GPU " +
                                         std::to_string(device_.ordinal()) +
                                         ", on which the engine runs: copy them there, or give them from the host");
}

}  // namespace lama

// What the fake libnvinfer exports.
#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "nvinfer_engine.h"

using namespace nvinfer1;
#define EXPORT extern "C" __attribute__((visibility("default")))

#ifndef LAMA_FAKE_VERSION
#define LAMA_FAKE_VERSION NV_TENSORRT_VERSION
#endif

void unexpected(const char *function) {
  std::fprintf(stderr, "the fake libnvinfer has no %s\n", function);
  std::abort();
}

namespace fake {

namespace {

std::atomic<ILogger *> first_logger{nullptr};

class FakeRuntime : public IRuntime, public StubVRuntime {
 public:
  explicit FakeRuntime(ILogger &logger) : logger_(logger) {
    mImpl = this;
    born("runtime");
  }
  ~FakeRuntime() override {
    // NvInferRuntime.h, IRuntime: it has to outlive what it deserialised.
    if (*engines_) broken("a runtime is destroyed before its engines");
    gone("runtime");
  }

  IRuntime *getPImpl() noexcept override { return this; }
  void setEngineHostCodeAllowed(bool allowed) noexcept override { host_code_allowed_ = allowed; }
  ICudaEngine *deserializeCudaEngine(const void *blob, std::size_t size) noexcept override {
    Plan plan;
    logger_.log(ILogger::Severity::kWARNING, "a warning of the fake\nof two lines");
    const bool known = read_plan(std::string(static_cast<const char *>(blob), size), plan);
    // NvInferRuntime.h, setEngineHostCodeAllowed: false until it is set, and nobody sets it for other plans here.
    if (host_code_allowed_ && !plan.host_code) broken("host code is allowed to a plan that brings none");
    if (plan.host_code && !host_code_allowed_) {
      logger_.log(ILogger::Severity::kERROR, "Attempting to deserialize an engine with host code");
      return nullptr;
    }
    if (known && !fails("deserializeCudaEngine")) return new FakeEngine(plan, logger_, engines_);
    // On a thread of its own: NvInferRuntime.h, ILogger, wants a logger that is thread safe for such.
    std::thread([&] {
      logger_.log(ILogger::Severity::kERROR, "The engine plan file was built on another GPU\nmore");
    }).join();
    return nullptr;
  }

 private:
  ILogger &logger_;
  bool host_code_allowed_ = false;
  const std::shared_ptr<std::atomic<int>> engines_ = std::make_shared<std::atomic<int>>(0);
};

class FakeRegistry : public StubIPluginRegistry {
 public:
  PluginLibraryHandle loadLibrary(const char *path) noexcept override {
    using Creators = IPluginCreatorInterface *const *(int32_t &);
    void *library = fails("loadLibrary") ? nullptr : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    auto *creators = library ? reinterpret_cast<Creators *>(dlsym(library, "getCreators")) : nullptr;
    int32_t count = 0;
    if (creators) made_ = *creators(count);
    if (!creators) first_logger.load()->log(ILogger::Severity::kERROR, "Cannot load the plugin library\nmore");
    return creators ? library : nullptr;
  }
  IPluginCreatorInterface *getCreator(const char *name, const char *version, const char *) noexcept override {
    auto *creator = static_cast<IPluginCreatorV3One *>(made_);
    const bool same =
        creator && std::string(name) == creator->getPluginName() && std::string(version) == creator->getPluginVersion();
    if (!same) first_logger.load()->log(ILogger::Severity::kERROR, "Cannot find plugin");  // as TensorRT-RTX 1.7 does
    return same ? made_ : nullptr;
  }

 private:
  IPluginCreatorInterface *made_ = nullptr;
};

}  // namespace

}  // namespace fake

EXPORT int32_t getInferLibVersion() noexcept {
  return LAMA_FAKE_VERSION;
}
EXPORT int32_t getInferLibBuildVersion() noexcept {
  return 7;
}

#ifndef LAMA_FAKE_WITHOUT_RUNTIME
EXPORT void *createInferRuntime_INTERNAL(void *logger, int32_t version) noexcept {
  ILogger *before = nullptr;
  // NvInferRuntime.h, createInferRuntime: the first logger is kept.
  if (!fake::first_logger.compare_exchange_strong(before, static_cast<ILogger *>(logger)) && before != logger)
    fake::broken("a second logger");
  if (version / 10000 != LAMA_FAKE_VERSION / 10000) fake::broken("another major version (createInferRuntime)");
  if (fake::fails("createInferRuntime")) return nullptr;
  return static_cast<IRuntime *>(new fake::FakeRuntime(*static_cast<ILogger *>(logger)));
}
#endif

EXPORT IPluginRegistry *getPluginRegistry() noexcept {
  static fake::FakeRegistry &registry = *new fake::FakeRegistry;
  return &registry;
}

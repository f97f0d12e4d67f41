// PlanarFft by cuFFT, opened at run time. Declarations are those of cufft.h, which is compared with where it is found.
#include <mutex>

#include "fft.h"
#include "shared_library.h"

#if __has_include(<cufft.h>)
#include <cufft.h>
static_assert(CUFFT_SUCCESS == 0 && CUFFT_R2C == 0x2a && CUFFT_C2R == 0x2c && sizeof(cufftHandle) == sizeof(int));
#endif

namespace lama {
namespace {

using Handle = int;
using Result = int;
enum Type { kRealToComplex = 0x2a, kComplexToReal = 0x2c };

struct Cufft {
  Result (*create)(Handle *);
  Result (*destroy)(Handle);
  Result (*set_auto_allocation)(Handle, int);
  Result (*make_plan_many)(Handle, int rank, int *n, int *inembed, int istride, int idist, int *onembed, int ostride,
                           int odist, int type, int batch, size_t *work_size);
  Result (*set_work_area)(Handle, void *);
  Result (*set_stream)(Handle, cudaStream_t);
  Result (*exec_r2c)(Handle, float *, float2 *);
  Result (*exec_c2r)(Handle, float2 *, float *);

  Status open() {
    SharedLibrary library;
    LAMA_RETURN_IF_FAILED(
        library.open({"libcufft.so.12", "libcufft.so.11"}, "pip install nvidia-cufft, or use tensor cores"));
    LAMA_RETURN_IF_FAILED(library.find("cufftCreate", &create));
    LAMA_RETURN_IF_FAILED(library.find("cufftDestroy", &destroy));
    LAMA_RETURN_IF_FAILED(library.find("cufftSetAutoAllocation", &set_auto_allocation));
    LAMA_RETURN_IF_FAILED(library.find("cufftMakePlanMany", &make_plan_many));
    LAMA_RETURN_IF_FAILED(library.find("cufftSetWorkArea", &set_work_area));
    LAMA_RETURN_IF_FAILED(library.find("cufftSetStream", &set_stream));
    LAMA_RETURN_IF_FAILED(library.find("cufftExecR2C", &exec_r2c));
    return library.find("cufftExecC2R", &exec_c2r);
  }
};

Status status_of(Result result, const char *what) {
  if (result == 0) return LAMA_SPECTRAL_OK;
  constexpr Result kAllocFailed = 2, kInternalError = 5, kSetupFailed = 7;
  const char *advice = result == kInternalError || result == kSetupFailed
                           ? "; if the NVIDIA driver is older than this cuFFT, update it"
                           : "";
  return fail(result == kAllocFailed ? LAMA_SPECTRAL_OUT_OF_MEMORY : LAMA_SPECTRAL_CUDA_ERROR, "cuFFT: %s gave %d%s",
              what, result, advice);
}

// One direction: a handle for so many planes at a time as the workspace allows.
class Direction {
 public:
  Direction() = default;
  Direction(const Direction &) = delete;
  Direction &operator=(const Direction &) = delete;
  ~Direction() {
    if (made_) cufft_.destroy(handle_);
  }

  Status make(const Cufft &cufft, Type type, int planes, int height, int width, size_t workspace_bytes) {
    cufft_ = cufft;
    size_t needed = 0;
    for (int parts = 1; parts <= planes; ++parts) {
      if (planes % parts != 0) continue;
      LAMA_RETURN_IF_FAILED(plan(type, planes / parts, height, width, &needed));
      parts_ = parts;
      if (needed <= workspace_bytes) return LAMA_SPECTRAL_OK;
    }
    return fail(LAMA_SPECTRAL_UNSUPPORTED, "cuFFT asks for %zu bytes for one plane of %d x %d; this library plans %zu",
                needed, height, width, workspace_bytes);
  }

  int parts() const { return parts_; }

  // A handle keeps its stream and workspace: setting them and enqueueing is one step, for one thread at a time.
  template <class Execute>
  Status run(void *workspace, cudaStream_t stream, Execute execute) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    LAMA_RETURN_IF_FAILED(status_of(cufft_.set_stream(handle_, stream), "cufftSetStream"));
    LAMA_RETURN_IF_FAILED(status_of(cufft_.set_work_area(handle_, workspace), "cufftSetWorkArea"));
    for (int part = 0; part < parts_; ++part) LAMA_RETURN_IF_FAILED(status_of(execute(handle_, part), "execution"));
    return LAMA_SPECTRAL_OK;
  }

 private:
  Status plan(Type type, int planes, int height, int width, size_t *needed) {
    if (made_) cufft_.destroy(handle_);
    made_ = false;
    LAMA_RETURN_IF_FAILED(status_of(cufft_.create(&handle_), "cufftCreate"));
    made_ = true;
    LAMA_RETURN_IF_FAILED(status_of(cufft_.set_auto_allocation(handle_, 0), "cufftSetAutoAllocation"));
    int sizes[2] = {height, width};
    const Result result = cufft_.make_plan_many(handle_, 2, sizes, nullptr, 1, 0, nullptr, 1, 0, type, planes, needed);
    return status_of(result, "cufftMakePlanMany");
  }

  Cufft cufft_{};
  Handle handle_ = 0;
  bool made_ = false;
  int parts_ = 1;
  mutable std::mutex mutex_;
};

class CufftPlanes final : public PlanarFft {
 public:
  Status make(int planes, int height, int width, size_t workspace_bytes) {
    Cufft cufft;
    LAMA_RETURN_IF_FAILED(cufft.open());
    cufft_ = cufft;
    planes_ = size_t(planes);
    reals_ = size_t(height) * width;
    complexes_ = size_t(height) * (width / 2 + 1);
    LAMA_RETURN_IF_FAILED(forward_.make(cufft, kRealToComplex, planes, height, width, workspace_bytes));
    return inverse_.make(cufft, kComplexToReal, planes, height, width, workspace_bytes);
  }

  Status forward(float *in, float2 *out, void *workspace, cudaStream_t stream) const override {
    const size_t planes = planes_ / forward_.parts();
    return forward_.run(workspace, stream, [&](Handle handle, size_t part) {
      return cufft_.exec_r2c(handle, in + part * planes * reals_, out + part * planes * complexes_);
    });
  }
  Status inverse(float2 *in, float *out, void *workspace, cudaStream_t stream) const override {
    const size_t planes = planes_ / inverse_.parts();
    return inverse_.run(workspace, stream, [&](Handle handle, size_t part) {
      return cufft_.exec_c2r(handle, in + part * planes * complexes_, out + part * planes * reals_);
    });
  }

 private:
  Cufft cufft_{};
  size_t planes_ = 0, reals_ = 0, complexes_ = 0;
  Direction forward_, inverse_;
};

}  // namespace

Status make_planar_fft(int planes, int height, int width, size_t workspace_bytes, std::unique_ptr<PlanarFft> *fft) {
  auto made = std::make_unique<CufftPlanes>();
  LAMA_RETURN_IF_FAILED(made->make(planes, height, width, workspace_bytes));
  *fft = std::move(made);
  return LAMA_SPECTRAL_OK;
}

}  // namespace lama

// BiasReluGemm by cuBLASLt, opened at run time. Declarations are those of cublasLt.h, compared with where it is found.
//
// cuBLASLt counts by columns: our row-major rows x channels is its channels x rows, so out' = weight' ^T in'.
#include "gemm.h"
#include "shared_library.h"

#if __has_include(<cublasLt.h>)
#include <cublasLt.h>
#endif

namespace lama {
namespace {

using Result = int;
using Opaque = void *;  // handles, descriptors, layouts, preferences
struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace_bytes;
  Result state;
  float waves;
  int reserved[4];
};

constexpr int kCompute32 = 68, kFloat32 = 0, kFloat16 = 2, kBfloat16 = 14, kTransposed = 1, kReluBias = 6;
constexpr int kTransA = 3, kEpilogue = 7, kBiasPointer = 8;  // attributes of a product
constexpr int kMostWorkspace = 1, kAlignmentA = 5;           // attributes of a preference
#if __has_include(<cublasLt.h>)
static_assert(kCompute32 == CUBLAS_COMPUTE_32F && kTransposed == CUBLAS_OP_T &&
              kReluBias == CUBLASLT_EPILOGUE_RELU_BIAS);
static_assert(kFloat32 == CUDA_R_32F && kFloat16 == CUDA_R_16F && kBfloat16 == CUDA_R_16BF);
static_assert(kTransA == CUBLASLT_MATMUL_DESC_TRANSA && kEpilogue == CUBLASLT_MATMUL_DESC_EPILOGUE);
static_assert(kBiasPointer == CUBLASLT_MATMUL_DESC_BIAS_POINTER);
static_assert(kMostWorkspace == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
static_assert(kAlignmentA == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(Heuristic) == sizeof(cublasLtMatmulHeuristicResult_t));
#endif

struct CublasLt {
  Result (*create)(Opaque *);
  Result (*destroy)(Opaque);
  Result (*desc_create)(Opaque *, int compute, int scale);
  Result (*desc_set)(Opaque, int attribute, const void *, size_t);
  Result (*desc_destroy)(Opaque);
  Result (*layout_create)(Opaque *, int type, uint64_t rows, uint64_t columns, int64_t pitch);
  Result (*layout_destroy)(Opaque);
  Result (*preference_create)(Opaque *);
  Result (*preference_set)(Opaque, int attribute, const void *, size_t);
  Result (*preference_destroy)(Opaque);
  Result (*heuristic)(Opaque handle, Opaque desc, Opaque a, Opaque b, Opaque c, Opaque d, Opaque preference, int wanted,
                      Heuristic *found, int *count);
  Result (*matmul)(Opaque handle, Opaque desc, const void *alpha, const void *a, Opaque a_layout, const void *b,
                   Opaque b_layout, const void *beta, const void *c, Opaque c_layout, void *d, Opaque d_layout,
                   const Algorithm *, void *workspace, size_t workspace_bytes, cudaStream_t);

  Status open() {
    SharedLibrary library;
    LAMA_RETURN_IF_FAILED(
        library.open({"libcublasLt.so.13", "libcublasLt.so.12"}, "pip install nvidia-cublas, or use tensor cores"));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtCreate", &create));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtDestroy", &destroy));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatmulDescCreate", &desc_create));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatmulDescSetAttribute", &desc_set));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatmulDescDestroy", &desc_destroy));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatrixLayoutCreate", &layout_create));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatrixLayoutDestroy", &layout_destroy));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatmulPreferenceCreate", &preference_create));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatmulPreferenceSetAttribute", &preference_set));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatmulPreferenceDestroy", &preference_destroy));
    LAMA_RETURN_IF_FAILED(library.find("cublasLtMatmulAlgoGetHeuristic", &heuristic));
    return library.find("cublasLtMatmul", &matmul);
  }
};

Status status_of(Result result, const char *what) {
  if (result == 0) return LAMA_SPECTRAL_OK;
  constexpr Result kNotInitialised = 1;
  const char *advice = result == kNotInitialised ? "; if the NVIDIA driver is older than this cuBLASLt, update it" : "";
  return fail(LAMA_SPECTRAL_CUDA_ERROR, "cuBLASLt: %s gave %d%s", what, result, advice);
}

// Destroyed by the function it was given, unless creation failed.
class Owned {
 public:
  Owned() = default;
  Owned(const Owned &) = delete;
  Owned &operator=(const Owned &) = delete;
  ~Owned() {
    if (destroy_ != nullptr) destroy_(object_);
  }
  template <class Create, class... Arguments>
  Status make(Result (*destroy)(Opaque), const char *what, Create create, Arguments... arguments) {
    LAMA_RETURN_IF_FAILED(status_of(create(&object_, arguments...), what));
    destroy_ = destroy;
    return LAMA_SPECTRAL_OK;
  }
  Opaque get() const { return object_; }

 private:
  Opaque object_ = nullptr;
  Result (*destroy_)(Opaque) = nullptr;
};

int type_of(lama_spectral_dtype dtype) {
  if (dtype == LAMA_SPECTRAL_FLOAT32) return kFloat32;
  return dtype == LAMA_SPECTRAL_FLOAT16 ? kFloat16 : kBfloat16;
}

class CublasLtGemm final : public BiasReluGemm {
 public:
  Status make(const GemmShape &shape, size_t workspace_bytes) {
    LAMA_RETURN_IF_FAILED(lt_.open());
    workspace_bytes_ = workspace_bytes;
    const int type = type_of(shape.dtype);
    const uint64_t side = uint64_t(shape.channels);
    const auto layout = [&](Owned &owned, uint64_t columns, int64_t pitch) {
      return owned.make(lt_.layout_destroy, "layout", lt_.layout_create, type, side, columns, pitch);
    };
    LAMA_RETURN_IF_FAILED(handle_.make(lt_.destroy, "cublasLtCreate", lt_.create));
    LAMA_RETURN_IF_FAILED(layout(square_, side, shape.channels));
    LAMA_RETURN_IF_FAILED(layout(tall_, shape.rows, shape.pitch));
    return choose_algorithm();
  }

  Status run(const GemmArguments &arguments, cudaStream_t stream) const override {
    Owned product;  // made anew: it holds this run's bias, and runs may overlap
    LAMA_RETURN_IF_FAILED(describe(arguments.bias, product));
    const float one = 1, zero = 0;
    const Result result = lt_.matmul(handle_.get(), product.get(), &one, arguments.weight, square_.get(), arguments.in,
                                     tall_.get(), &zero, arguments.out, tall_.get(), arguments.out, tall_.get(),
                                     &algorithm_, arguments.workspace, workspace_bytes_, stream);
    return status_of(result, "cublasLtMatmul");
  }

 private:
  Status describe(const void *bias, Owned &product) const {
    const int transposed = kTransposed, epilogue = kReluBias;
    LAMA_RETURN_IF_FAILED(product.make(lt_.desc_destroy, "product", lt_.desc_create, kCompute32, kFloat32));
    LAMA_RETURN_IF_FAILED(set(product, kTransA, transposed));
    LAMA_RETURN_IF_FAILED(set(product, kEpilogue, epilogue));
    return set(product, kBiasPointer, bias);
  }
  template <class Value>
  Status set(const Owned &product, int attribute, const Value &value) const {
    return status_of(lt_.desc_set(product.get(), attribute, &value, sizeof value), "attribute");
  }

  Status choose_algorithm() {
    Owned product, preference;
    LAMA_RETURN_IF_FAILED(describe(nullptr, product));
    LAMA_RETURN_IF_FAILED(preference.make(lt_.preference_destroy, "preference", lt_.preference_create));
    const uint64_t bytes = workspace_bytes_;
    const uint32_t weight_alignment = 16;
    LAMA_RETURN_IF_FAILED(
        status_of(lt_.preference_set(preference.get(), kMostWorkspace, &bytes, sizeof bytes), "workspace"));
    LAMA_RETURN_IF_FAILED(status_of(
        lt_.preference_set(preference.get(), kAlignmentA, &weight_alignment, sizeof weight_alignment), "alignment"));
    Heuristic found{};
    int count = 0;
    LAMA_RETURN_IF_FAILED(status_of(lt_.heuristic(handle_.get(), product.get(), square_.get(), tall_.get(), tall_.get(),
                                                  tall_.get(), preference.get(), 1, &found, &count),
                                    "cublasLtMatmulAlgoGetHeuristic"));
    if (count < 1) return fail(LAMA_SPECTRAL_UNSUPPORTED, "cuBLASLt has no algorithm for this product");
    algorithm_ = found.algorithm;
    return LAMA_SPECTRAL_OK;
  }

  CublasLt lt_{};
  size_t workspace_bytes_ = 0;
  Owned handle_, square_, tall_;
  Algorithm algorithm_{};
};

}  // namespace

Status make_gemm(const GemmShape &shape, size_t workspace_bytes, std::unique_ptr<BiasReluGemm> *gemm) {
  auto made = std::make_unique<CublasLtGemm>();
  LAMA_RETURN_IF_FAILED(made->make(shape, workspace_bytes));
  *gemm = std::move(made);
  return LAMA_SPECTRAL_OK;
}

}  // namespace lama

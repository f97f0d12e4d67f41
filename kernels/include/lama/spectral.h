/* liblama_spectral: LaMa's Fourier unit on CUDA, at any size, in half precision too. C ABI, C99 and later.
 *
 *     y = residual + irfft2(relu(weight @ rfft2(x) + bias))
 *
 * over interleaved real and imaginary channels (Re0, Im0, Re1, Im1, ...), with orthonormal transforms. The inverse is
 * NumPy's: complex along the height, then complex-to-real along the width, whatever the symmetry of its input (official
 * saicinpainting/training/modules/ffc.py, FourierUnit; pytorch#104867 for why this must be said).
 *
 * Life of a plan: create (host only, no driver needed), prepare (once, on the device that will run it), run (as often
 * as wanted), destroy. A run allocates nothing, waits for nothing and keeps nothing: it may be captured into a CUDA
 * graph, and one plan may run in several threads and streams at once, each with a workspace of its own.
 *
 * Every function that returns a status leaves one line about the last failure of the calling thread in
 * lama_spectral_last_error().
 */
#ifndef LAMA_SPECTRAL_H
#define LAMA_SPECTRAL_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#if defined(LAMA_SPECTRAL_BUILD)
#define LAMA_SPECTRAL_API __declspec(dllexport)
#else
#define LAMA_SPECTRAL_API __declspec(dllimport)
#endif
#else
#define LAMA_SPECTRAL_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Increased whenever a structure, an enumeration or a meaning below changes. */
#define LAMA_SPECTRAL_ABI_VERSION 2

typedef enum lama_spectral_status {
  LAMA_SPECTRAL_OK = 0,
  LAMA_SPECTRAL_INVALID_ARGUMENT = 1,    /* no plan, device or library would take it */
  LAMA_SPECTRAL_UNSUPPORTED = 2,         /* not by this implementation or device: another one may */
  LAMA_SPECTRAL_NOT_PREPARED = 3,        /* lama_spectral_prepare was not called on this device */
  LAMA_SPECTRAL_WORKSPACE_TOO_SMALL = 4, /* or not aligned to LAMA_SPECTRAL_ALIGNMENT */
  LAMA_SPECTRAL_OUT_OF_MEMORY = 5,
  LAMA_SPECTRAL_LIBRARY_MISSING = 6, /* cuFFT, cuBLASLt, a GPU or a driver that is new enough is not found at run time,
                                        or built without CUDA */
  LAMA_SPECTRAL_CUDA_ERROR = 7       /* CUDA, cuFFT or cuBLASLt failed; lama_spectral_last_error() says which */
} lama_spectral_status;

typedef enum lama_spectral_dtype {
  LAMA_SPECTRAL_FLOAT32 = 0,
  LAMA_SPECTRAL_FLOAT16 = 1,
  LAMA_SPECTRAL_BFLOAT16 = 2
} lama_spectral_dtype;

typedef enum lama_spectral_layout {
  LAMA_SPECTRAL_NCHW = 0,
  LAMA_SPECTRAL_NHWC = 1 /* channels last: the faster one */
} lama_spectral_layout;

typedef enum lama_spectral_backend {
  LAMA_SPECTRAL_AUTO = 0,       /* by measured crossover, see lama_spectral_resolve; where that one cannot be prepared
                                   (no cuFFT, a driver too old for it), the other one if it takes the shape */
  LAMA_SPECTRAL_CUFFT = 1,      /* any size, dtype and device; transforms in float32, mixing by cuBLASLt */
  LAMA_SPECTRAL_TENSOR_CORE = 2 /* DFTs as matrix products: float16 and bfloat16, compute capability 8.0 and later,
                                   channels a multiple of 8, height and width up to LAMA_SPECTRAL_MAX_DENSE */
} lama_spectral_backend;

#define LAMA_SPECTRAL_MAX_DENSE 1086 /* points along an axis that the tensor-core transforms take */
#define LAMA_SPECTRAL_ALIGNMENT 256  /* bytes; of workspaces. Tensors: 16 bytes, as every allocator gives */

/* What a plan computes. x and y are batch x channels x height x width; weight is 2C x 2C, row by output channel. */
typedef struct lama_spectral_desc {
  int32_t batch, channels, height, width; /* each at least 1; fewer than 2^31 elements in all */
  lama_spectral_dtype dtype;              /* of x, residual, y, weight and bias alike */
  lama_spectral_layout layout;            /* of x, residual and y */
  lama_spectral_backend backend;
} lama_spectral_desc;

/* Device pointers of one run. residual may be NULL; y may be residual, but not overlap x otherwise than being it. */
typedef struct lama_spectral_arguments {
  const void *x, *weight, *bias, *residual;
  void *y;
} lama_spectral_arguments;

typedef struct lama_spectral_plan lama_spectral_plan;

/* LAMA_SPECTRAL_ABI_VERSION of the library that was loaded. */
LAMA_SPECTRAL_API int lama_spectral_abi_version(void);

/* A constant string; never NULL. */
LAMA_SPECTRAL_API const char *lama_spectral_status_string(lama_spectral_status status);

/* One line: what was wrong, what is allowed. Valid until the calling thread's next failure; never NULL. */
LAMA_SPECTRAL_API const char *lama_spectral_last_error(void);

/* The backend that AUTO stands for on a device of this compute capability (10 * major + minor: 90, 86) if it can be
 * prepared there, and whether a named one can run there. Host only. */
LAMA_SPECTRAL_API lama_spectral_status lama_spectral_resolve(const lama_spectral_desc *desc, int compute_capability,
                                                             lama_spectral_backend *backend);

/* Bytes of workspace that a run needs, whichever backend AUTO becomes. Computed on the host, valid with no driver. */
LAMA_SPECTRAL_API lama_spectral_status lama_spectral_workspace_size(const lama_spectral_desc *desc, size_t *bytes);

/* Enough for every plan whose batch, height and width lie between those of smallest and largest, which agree in all
 * else. */
LAMA_SPECTRAL_API lama_spectral_status lama_spectral_workspace_size_range(const lama_spectral_desc *smallest,
                                                                          const lama_spectral_desc *largest,
                                                                          size_t *bytes);

/* Host only. *plan is NULL after a failure. */
LAMA_SPECTRAL_API lama_spectral_status lama_spectral_create(const lama_spectral_desc *desc, lama_spectral_plan **plan);

/* Choose the implementation for the current device, upload its constants and wait until they are there: a run may
 * follow on any stream. AUTO tries the other implementation where the first cannot be had, and gives the first one's
 * status and line where neither can; a named one is the only one tried. Allocates; not in a thread that captures, but
 * others may. A second call on the same device does nothing; on another one it prepares the plan for that one instead.
 */
LAMA_SPECTRAL_API lama_spectral_status lama_spectral_prepare(lama_spectral_plan *plan);

/* The backend that prepare chose; AUTO before. Where it is not what lama_spectral_resolve says, that one could not be
 * prepared, and after prepare lama_spectral_last_error() says what is missing. */
LAMA_SPECTRAL_API lama_spectral_backend lama_spectral_plan_backend(const lama_spectral_plan *plan);

/* Bytes of workspace that a run of this plan needs: as lama_spectral_workspace_size before prepare; after it what the
 * chosen backend needs, which is no more. 0 for NULL. */
LAMA_SPECTRAL_API size_t lama_spectral_plan_workspace_size(const lama_spectral_plan *plan);

/* Enqueue on `stream` (a cudaStream_t of the plan's device). workspace: device memory, used until the work is done. */
LAMA_SPECTRAL_API lama_spectral_status lama_spectral_run(const lama_spectral_plan *plan,
                                                         const lama_spectral_arguments *arguments, void *workspace,
                                                         size_t workspace_bytes, void *stream);

/* Frees what prepare made, which the plan's work and every graph that captured it read: both must be done. NULL is
 * allowed. */
LAMA_SPECTRAL_API void lama_spectral_destroy(lama_spectral_plan *plan);

/* The definition, in float64 on the host, by plain sums: every pointer is host memory of doubles. desc's layout holds,
 * its dtype and backend are ignored. O((h + w) h w C + h w C^2) per image: for checking, at any size. */
LAMA_SPECTRAL_API lama_spectral_status lama_spectral_reference(const lama_spectral_desc *desc, const double *x,
                                                               const double *weight, const double *bias,
                                                               const double *residual, double *y);

#ifdef __cplusplus
}
#endif
#endif

/* What liblama and liblama_trt say to each other: plain C, so that different compilers may have made the two.
 *
 * liblama_trt.so is built on the user's machine, with the headers of TensorRT that are there (liblama_trt_rtx.so with
 * those of TensorRT-RTX); liblama opens it for bundles that hold an engine. Nothing is thrown across; errors are a
 * status and one line, as in inpainter.h.
 */
#ifndef LAMA_TRT_API_H
#define LAMA_TRT_API_H

#include "lama/inpainter.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of this table: a library of another version is refused. */
#define LAMA_TRT_TABLE_VERSION 2
#define LAMA_TRT_TABLE_NAME "lama_trt_functions"

typedef struct lama_trt_engine lama_trt_engine;

/* Texts are never NULL and read during the call only; "" where nothing is asked. */
typedef struct lama_trt_options {
  const char *model; /* the file that holds the engine */
  const char
      *version; /* of TensorRT, which built it: such as "10.14.1.48"; parts that are not there are not compared */
  int32_t version_compatible; /* 1: later versions of the same major run it too, with code that the file brings */
  const char *made_for;       /* the GPU that it was built on, "" where nobody knows */
  const char *capability;     /* compute capabilities that run it: "9.0", "8.6 or 8.9", "8.0 or newer"; "": any */
  int32_t timed;              /* 1: its kernels are the fastest of `made_for`, and perhaps of no other */
  const char *library;        /* TensorRT's, or a folder that has it; "": as the dynamic linker finds it */
  const char *plugin;         /* the library with SpectralConv, or a folder that has it; "": beside liblama_trt */
  int32_t plugin_named;       /* 1: somebody named it; 0: any that the process has serves as well */
  const char *carried;        /* platforms that the bundle has the plugin for, none of which this is; "" for none */
  int32_t needs_plugin;       /* 1: the engine holds SpectralConv nodes */
  int32_t needs_dft;          /* 1: it holds TensorRT's own FFT plugin */
  int32_t rtx;                /* 1: it is one of TensorRT-RTX */
  int32_t streams;            /* at least 1 */
  int32_t device;             /* ordinal; -1: the current context's, else the first */
  int32_t graphs;             /* shapes that keep buffers and a CUDA graph; 0: none */
  lama_log log;
  void *log_user; /* valid until the engine is closed */
} lama_trt_options;

typedef struct lama_trt_shape {
  int64_t count, height, width; /* pictures; pixels */
} lama_trt_shape;

typedef struct lama_trt_profile {
  lama_trt_shape least, best, largest;
} lama_trt_profile;

/* What is open; valid until it is closed. */
typedef struct lama_trt_info {
  const char *version;              /* of TensorRT's library, such as "10.14.1.48" */
  const char *library;              /* its file */
  const lama_trt_profile *profiles; /* in the engine's order */
  int32_t profile_count;
  int32_t floats; /* 1: the engine takes and gives floats, so pictures on the GPU are refused */
} lama_trt_info;

typedef struct lama_trt_table {
  int32_t version;
  lama_status (*open)(const lama_trt_options *options, lama_trt_engine **engine, lama_error *error);
  void (*close)(lama_trt_engine *engine); /* after all of its calls have returned; NULL is let be */
  void (*describe)(const lama_trt_engine *engine, lama_trt_info *info);
  /* Contiguous bytes of the host, as `Backend::run`; of a shape that a profile takes. */
  lama_status (*run)(lama_trt_engine *engine, const lama_trt_shape *shape, const uint8_t *images, const uint8_t *masks,
                     uint8_t *results, lama_error *error);
  /* The same on the GPU, in the order of `stream`. */
  lama_status (*run_on_device)(lama_trt_engine *engine, const lama_trt_shape *shape, const void *images,
                               const void *masks, void *results, void *stream, lama_error *error);
} lama_trt_table;

/* LAMA_TRT_TABLE_NAME of liblama_trt. version: the caller's LAMA_TRT_TABLE_VERSION. NULL where it is another one. */
typedef const lama_trt_table *lama_trt_functions_type(int32_t version);

#ifdef __cplusplus
}
#endif
#endif

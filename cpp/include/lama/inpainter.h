/* liblama: opens a bundle of lama-export and fills the holes of pictures. C ABI, C99 and later.
 *
 * The bundle's target picks the engine: ONNX Runtime and OpenVINO (on the CPU) and TensorRT (on an NVIDIA GPU), each of
 * which is opened when a bundle wants it; this library links none of them. Results are those of lama_deploy in Python,
 * byte for byte, with the same engine and options.
 *
 * Every function that can fail returns a status and leaves one line in `error`, where that is not NULL: what was wrong,
 * what is allowed, what to do next. Nothing is thrown. Where a function fails, outputs are as they were.
 *
 * Structures that may grow begin with their size in bytes; lama_*_init sets it and the defaults. A program and a
 * library may know more or fewer members than each other: what one of them does not know is as the default. All texts
 * are UTF-8.
 *
 * An inpainter may be called from any number of threads at once, of the process that opened it: engines' threads do
 * not follow a fork.
 */
#ifndef LAMA_INPAINTER_H
#define LAMA_INPAINTER_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define LAMA_API
#else
#define LAMA_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Increased whenever a program that was compiled against an earlier one would break. */
#define LAMA_ABI_VERSION 1

typedef enum lama_status {
  LAMA_OK = 0,
  LAMA_INVALID_ARGUMENT = 1, /* a view, an option or a size that no call takes */
  LAMA_BAD_BUNDLE = 2,       /* not a bundle, damaged, or of a format that this version does not read */
  LAMA_MISSING_LIBRARY = 3,  /* the engine's library is not found here, or lacks what is needed of it */
  LAMA_ENGINE_ERROR = 4,     /* the engine failed, or computed no picture */
  LAMA_OUT_OF_MEMORY = 5,    /* the picture takes more memory than there is; nothing has been tried that would end the
                                process */
  LAMA_CANCELLED = 6,        /* the progress callback asked for it */
  LAMA_INTERNAL_ERROR = 7    /* a defect of this library */
} lama_status;

#define LAMA_ERROR_BYTES 1024

/* What a call failed for: one line without a newline, ended by NUL; "" after LAMA_OK. */
typedef struct lama_error {
  lama_status status;
  char message[LAMA_ERROR_BYTES];
} lama_error;

/* Bytes of a pixel in memory, in this order. Alpha comes back as it was; grey is filled with the luminance. */
typedef enum lama_format {
  LAMA_GREY = 1, /* 1 byte */
  LAMA_RGB = 2,  /* 3 bytes */
  LAMA_BGR = 3,  /* 3 bytes, as OpenCV has them */
  LAMA_RGBA = 4, /* 4 bytes */
  LAMA_BGRA = 5  /* 4 bytes */
} lama_format;

/* Pixels of the caller's, on the host. Rows lie `stride` bytes apart, from the top row down; at least width x bytes of
 * a pixel. width and height: 1 to LAMA_MOST_SIDE. */
typedef struct lama_image {
  void *data;
  int64_t width, height, stride;
  lama_format format;
} lama_image;

#define LAMA_MOST_SIDE 1048576

/* Contiguous arrays of bytes in the memory of the GPU that the engine runs on: images and results are count x height x
 * width x 3 (RGB), masks count x height x width, nonzero = hole. */
typedef struct lama_device_images {
  const void *images, *masks;
  void *results; /* may be `images` */
  int64_t count, height, width;
} lama_device_images;

typedef enum lama_strategy {
  LAMA_AUTO = 0,   /* for each picture and hole what suits it and fits into memory */
  LAMA_WHOLE = 1,  /* the picture as it is */
  LAMA_CROP = 2,   /* a window around each hole */
  LAMA_RESIZE = 3, /* the picture made smaller, the hole alone comes back */
  LAMA_TILE = 4    /* windows one after the other over the hole, each sees what is filled already */
} lama_strategy;

typedef enum lama_log_level { LAMA_LOG_INFO = 0, LAMA_LOG_WARNING = 1 } lama_log_level;

/* One line about what was chosen, dropped or is slower than asked; from any thread, also from several at once. */
typedef void (*lama_log)(void *user, lama_log_level level, const char *line);

/* After each window that the engine has computed: how many of how many; nonzero ends the call with LAMA_CANCELLED. */
typedef int (*lama_progress)(void *user, size_t done, size_t all);

typedef struct lama_options {
  size_t size;
  lama_strategy strategy;
  int32_t limit;   /* pixels, 128 to 65,536 (1024): the largest window is a square of this side; LAMA_RESIZE makes the
                      longer side so small */
  int32_t margin;  /* pixels around a hole that a window has at least, 0 to 16,384 (64) */
  int32_t threads; /* of the CPU, of all streams together; 0 (the default) leaves it to the engine */
  int32_t streams; /* pictures computed at the same time; 0 (the default): as the engine chooses, 1 where it does not */
  int32_t device;  /* ordinal of the GPU, of TensorRT alone; -1 (the default): the current context's, else the first */
  int32_t graphs;  /* how many shapes keep a CUDA graph, for TensorRT (8); 0: none */
  int32_t check;   /* that all files of the bundle are those that bundle.json names, by SHA-256 (1); 0: sizes alone */
  int64_t memory;  /* bytes that the process may have in all, for who knows better than the system; 0: as it says */
  const char *engine; /* the engine's library, or a folder that has it; NULL: $LAMA_ENGINE, this library's own folder,
                         the usual places */
  const char *plugin; /* the TensorRT plugin with SpectralConv, or a folder that has it; NULL: $LAMA_TENSORRT_PLUGIN,
                         the bundle's own, the folder of `engine`, that of liblama_trt */
  const char *cache;  /* a folder for what OpenVINO compiles, which makes later starts fast; NULL or "": none */
  const char *precision; /* "f32", "f16" or "bf16" to overrule an OpenVINO file's own; NULL: its own */
  lama_log log;          /* NULL: nothing is told */
  void *log_user;
} lama_options;

typedef struct lama_box {
  double x, y, width, height; /* pixels from the top left; every pixel that it touches is hole */
} lama_box;

typedef struct lama_point {
  double x, y, radius; /* a disc around the centre of pixel x, y */
} lama_point;

typedef struct lama_call {
  size_t size;
  double mask_threshold; /* values of the mask above it are hole, 0 (the default) to below 255 */
  int32_t mask_invert;   /* 0 or 1: the mask's other pixels are the hole */
  int32_t mask_grow;     /* pixels by which the hole grows on all sides, 0 to 1000 */
  const lama_box *boxes; /* hole besides the mask, or without one */
  size_t box_count;
  const lama_point *points;
  size_t point_count;
  lama_progress progress; /* NULL: nobody is told */
  void *progress_user;
} lama_call;

/* What is open; texts are valid as long as the inpainter. */
typedef struct lama_info {
  size_t size;
  const char *engine;    /* "onnxruntime", "openvino" or "tensorrt" */
  const char *version;   /* of the engine's library */
  const char *precision; /* of the bundle: "fp32", "fp16", "bf16" or "int8" */
  const char *library;   /* the file of it that was opened */
  int32_t workers;       /* how many threads may call at once with profit */
} lama_info;

typedef struct lama_inpainter lama_inpainter;

/* LAMA_ABI_VERSION of the library that was loaded. */
LAMA_API int32_t lama_abi_version(void);

/* Such as "0.1.0". */
LAMA_API const char *lama_version(void);

/* bytes: sizeof the structure as the program was compiled, beyond which nothing is written. */
LAMA_API void lama_options_init(lama_options *options, size_t bytes);
LAMA_API void lama_call_init(lama_call *call, size_t bytes);
LAMA_API void lama_info_init(lama_info *info, size_t bytes);

/* Opens a bundle: the folder that lama-export wrote. options: NULL for the defaults. */
LAMA_API lama_status lama_load(const char *bundle, const lama_options *options, lama_inpainter **inpainter,
                               lama_error *error);

/* After all of its calls have returned. NULL is let be, and so is, after a fork, what the parent opened. */
LAMA_API void lama_free(lama_inpainter *inpainter);

LAMA_API lama_status lama_describe(const lama_inpainter *inpainter, lama_info *info, lama_error *error);

/* Fills the hole. mask: LAMA_GREY of the image's size, above 0 = hole or as `call` says; NULL where `call` draws the
 * hole. output: of the image's size and format; the image itself, or no byte of it and of the mask. Known pixels come
 * back byte for byte. call: NULL for the defaults. */
LAMA_API lama_status lama_inpaint(lama_inpainter *inpainter, const lama_image *image, const lama_image *mask,
                                  const lama_image *output, const lama_call *call, lama_error *error);

/* The same of `count` pictures, of any sizes and formats; windows of equal size run as one batch where the engine takes
 * them so. masks: as many, or NULL. All outputs are written, or none. */
LAMA_API lama_status lama_inpaint_batch(lama_inpainter *inpainter, size_t count, const lama_image *images,
                                        const lama_image *masks, const lama_image *outputs, const lama_call *call,
                                        lama_error *error);

/* Of what lies on the GPU already, for TensorRT: taken whole, of a shape that a profile of the engine takes. Enqueued
 * in the order of `stream` (a cudaStream_t, or NULL for the default one), which nothing waits for. */
LAMA_API lama_status lama_inpaint_on_device(lama_inpainter *inpainter, const lama_device_images *images, void *stream,
                                            lama_error *error);

/* How lama_inpaint would fill this hole now, in one line such as "filled by crop, since the holes are small beside the
 * picture: 1 of 320x256 crop in 1280x720". text: of `bytes` bytes, cut where it is longer. */
LAMA_API lama_status lama_plan(lama_inpainter *inpainter, const lama_image *mask, const lama_call *call, char *text,
                               size_t bytes, lama_error *error);

/* Computes `count` pictures of this size that are black and all hole, so that what an engine prepares for a size is
 * ready, and what it takes the most memory for has been tried. */
LAMA_API lama_status lama_warm_up(lama_inpainter *inpainter, int64_t count, int64_t height, int64_t width,
                                  lama_error *error);

#ifdef __cplusplus
}
#endif
#endif

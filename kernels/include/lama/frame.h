/* Bias, ReLU, residual and reflect padding of LaMa's feature maps in one pass over memory. C ABI, C99 and later.
 *
 * A frame is a channels-last map of (height + 2 border) x (width + 2 border) pixels: the map itself in the middle, the
 * border its reflection without repeating the edge (official code's padding_mode="reflect"). A convolution reads it
 * without padding; what makes the next map writes it right there.
 *
 *     middle = [middle +] [relu](concat(first, second) + bias),  border = reflection of the new middle
 *
 * Who reads the frame's first channels alone, or the others without their border, gets them in maps of their own in the
 * same pass: `leading`, a frame of the first `split` channels, and `rest`, a map of the other ones.
 */
#ifndef LAMA_FRAME_H
#define LAMA_FRAME_H

#include "lama/spectral.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lama_frame_desc {
  int32_t batch, height, width;            /* of the map; each at least 1 */
  int32_t first_channels, second_channels; /* second_channels may be 0: then there is no second map */
  int32_t border;                          /* at least 0 and less than height and width */
  lama_spectral_dtype dtype;               /* of every tensor; sums are float32 */
  int32_t relu, accumulate;                /* 0 or 1 */
  int32_t split;                           /* 0 to all channels */
} lama_frame_desc;

/* Device pointers: first and second batch x height x width x channels, bias of all channels or NULL, frame, leading or
 * NULL, rest or NULL. With border 0 and no second map, first may be the frame. Enqueues one kernel on `stream` (a
 * cudaStream_t of the current device); allocates nothing, may be captured. */
LAMA_SPECTRAL_API lama_spectral_status lama_frame_update(const lama_frame_desc *desc, const void *first,
                                                         const void *second, const void *bias, void *frame,
                                                         void *leading, void *rest, void *stream);

#ifdef __cplusplus
}
#endif
#endif

// A liblama_trt of another version, which has no table for this one.
#include <stddef.h>

const void *lama_trt_functions(int version) {
  (void)version;
  return NULL;
}

#include "status.h"

#include <cstdarg>
#include <cstdio>

namespace {

thread_local char last_error[512] = "";

}  // namespace

lama::Status lama::fail(Status status, const char *format, ...) {
  va_list values;
  va_start(values, format);
  std::vsnprintf(last_error, sizeof last_error, format, values);
  va_end(values);
  return status;
}

extern "C" const char *lama_spectral_last_error(void) {
  return last_error;
}

extern "C" const char *lama_spectral_status_string(lama_spectral_status status) {
  switch (status) {
    case LAMA_SPECTRAL_OK:
      return "ok";
    case LAMA_SPECTRAL_INVALID_ARGUMENT:
      return "invalid argument";
    case LAMA_SPECTRAL_UNSUPPORTED:
      return "unsupported";
    case LAMA_SPECTRAL_NOT_PREPARED:
      return "not prepared";
    case LAMA_SPECTRAL_WORKSPACE_TOO_SMALL:
      return "workspace too small";
    case LAMA_SPECTRAL_OUT_OF_MEMORY:
      return "out of memory";
    case LAMA_SPECTRAL_LIBRARY_MISSING:
      return "library missing";
    case LAMA_SPECTRAL_CUDA_ERROR:
      return "CUDA error";
  }
  return "unknown status";
}

// Statuses with one line of explanation, kept for the calling thread.
#pragma once

#include "lama/spectral.h"

namespace lama {

using Status = lama_spectral_status;

// Remember the line (printf's format) for lama_spectral_last_error and return `status`.
[[gnu::format(printf, 2, 3)]] Status fail(Status status, const char *format, ...);

}  // namespace lama

// Return from the calling function, with the callee's status, unless it is OK.
#define LAMA_RETURN_IF_FAILED(expression)                    \
  do {                                                       \
    const lama_spectral_status lama_status = (expression);   \
    if (lama_status != LAMA_SPECTRAL_OK) return lama_status; \
  } while (false)

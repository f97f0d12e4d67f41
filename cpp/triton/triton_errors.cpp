#include "triton_errors.h"

#include <memory>
#include <string>

namespace lama::triton {

void check(TRITONSERVER_Error *error) {
  if (!error) return;
  const std::unique_ptr<TRITONSERVER_Error, void (*)(TRITONSERVER_Error *)> held(error, TRITONSERVER_ErrorDelete);
  throw Error(LAMA_INTERNAL_ERROR, brief(TRITONSERVER_ErrorMessage(error)));
}

void drop(TRITONSERVER_Error *error) {
  if (error) TRITONSERVER_ErrorDelete(error);
}

TRITONSERVER_Error_Code code_of(lama_status status) {
  switch (status) {
    case LAMA_INVALID_ARGUMENT:
    case LAMA_BAD_BUNDLE:
      return TRITONSERVER_ERROR_INVALID_ARG;
    case LAMA_MISSING_LIBRARY:
      return TRITONSERVER_ERROR_NOT_FOUND;
    case LAMA_OUT_OF_MEMORY:
      return TRITONSERVER_ERROR_UNAVAILABLE;
    case LAMA_CANCELLED:
      return TRITONSERVER_ERROR_CANCELLED;
    default:
      return TRITONSERVER_ERROR_INTERNAL;
  }
}

void say(TRITONSERVER_LogLevel level, const std::string &line) {
  if (!TRITONSERVER_LogIsEnabled(level)) return;
  drop(TRITONSERVER_LogMessage(level, "lama", 0, line.c_str()));
}

}  // namespace lama::triton

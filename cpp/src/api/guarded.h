// Where the C ABI begins: what is thrown becomes a status and its line.
#pragma once

#include <cstring>
#include <exception>
#include <new>

#include "errors.h"

namespace lama {

inline lama_status told(lama_error *error, lama_status status, const char *line) noexcept {
  if (error == nullptr) return status;
  error->status = status;
  std::strncpy(error->message, line, sizeof error->message - 1);
  error->message[sizeof error->message - 1] = '\0';
  for (char *c = error->message; *c; ++c)
    if (*c == '\n' || *c == '\r') *c = ' ';
  return status;
}

// LAMA_OK, or the status of what `function` throws.
template <class Function>
lama_status guarded(lama_error *error, Function function) noexcept {
  try {
    function();
    return told(error, LAMA_OK, "");
  } catch (const Error &thrown) {
    return told(error, thrown.status, thrown.what());
  } catch (const std::bad_alloc &) {
    return told(error, LAMA_OUT_OF_MEMORY,
                "there is no memory for this call; give the process more, or smaller pictures");
  } catch (const std::exception &thrown) {
    return told(error, LAMA_INTERNAL_ERROR, thrown.what());
  } catch (...) {
    return told(error, LAMA_INTERNAL_ERROR, "something was thrown that is no error of this library");
  }
}

}  // namespace lama

// Errors of Triton and of liblama, turned into each other where one calls the other.
#pragma once

#include "api/guarded.h"
#include "errors.h"
#include "triton_abi.h"

namespace lama::triton {

// Throws what a function of Triton failed for, and deletes it.
void check(TRITONSERVER_Error *error);

// Lets go of an error that changes nothing.
void drop(TRITONSERVER_Error *error);

// The code that clients see as HTTP 400, 500 and so on.
TRITONSERVER_Error_Code code_of(lama_status status);

// nullptr, or what `function` throws: nothing may be thrown through Triton.
template <class Function>
TRITONSERVER_Error *answered(Function function) noexcept {
  lama_error error;
  if (guarded(&error, function) == LAMA_OK) return nullptr;
  return TRITONSERVER_ErrorNew(code_of(error.status), error.message);
}

// To the server's log; from any thread. What the server does not take is lost.
void say(TRITONSERVER_LogLevel level, const std::string &line);

}  // namespace lama::triton

// What the functions of the fake libcuda begin with.
#pragma once

#include "control.h"
#include "device.h"

namespace fake {

constexpr int kInvalidValue = 1, kUnknown = 999, kInvalidContext = 201, kInvalidHandle = 400, kUnsupported = 900,
              kInvalidated = 901, kWrongThread = 903;

// The contexts that this thread has pushed.
std::vector<CUctx_st *> &pushed();

// This thread's captures end broken, for a call that none may make (CUDA Driver API, cuStreamBeginCapture).
bool captures_on_this_thread(bool invalidate);

// All captures end broken: somebody waits for the whole device.
void invalidate_captures();

}  // namespace fake

// Under the machine's lock, in a context; or fails as it was asked to.
#define FAKE_BEGIN(function, failure)                                      \
  const std::lock_guard<std::recursive_mutex> lock(fake::machine().mutex); \
  if (fake::pushed().empty()) return fake::kInvalidContext;                \
  if (fake::fails(function)) return failure

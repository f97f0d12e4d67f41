#pragma once

#include "lama/inpainter.h"
#include "triton_abi.h"

namespace lama::triton {

// Answers each of the requests, which it owns, and reports their times. Those that are right are computed together;
// where that fails, each alone, so that a bad one costs itself.
void execute(TRITONBACKEND_ModelInstance *instance, lama_inpainter *inpainter, TRITONBACKEND_Request **requests,
             uint32_t count);

}  // namespace lama::triton

// What Triton calls: a model is a bundle, an instance is a thread of the server that uses its inpainter.
#include <memory>

#include "execute.h"
#include "model.h"
#include "triton_errors.h"

namespace {

using lama::triton::answered;
using lama::triton::check;
using lama::triton::Model;

// -1 for the CPU.
int device_of(TRITONBACKEND_ModelInstance *instance) {
  TRITONSERVER_InstanceGroupKind kind;
  int32_t device = -1;
  check(TRITONBACKEND_ModelInstanceKind(instance, &kind));
  if (kind == TRITONSERVER_INSTANCEGROUPKIND_GPU) check(TRITONBACKEND_ModelInstanceDeviceId(instance, &device));
  return device;
}

}  // namespace

extern "C" {

TRITONSERVER_Error *TRITONBACKEND_Initialize(TRITONBACKEND_Backend *) {
  uint32_t major = 0, minor = 0;
  if (TRITONSERVER_Error *error = TRITONBACKEND_ApiVersion(&major, &minor)) return error;
  if (major == LAMA_TRITON_MAJOR && minor >= LAMA_TRITON_MINOR) return nullptr;
  return TRITONSERVER_ErrorNew(TRITONSERVER_ERROR_UNSUPPORTED,
                               "this server's backend API is not 1.16 or a newer 1.x; use Triton 23.10 or newer");
}

TRITONSERVER_Error *TRITONBACKEND_ModelInitialize(TRITONBACKEND_Model *model) {
  return answered([&] {
    auto state = std::make_unique<Model>(model);
    check(TRITONBACKEND_ModelSetState(model, state.get()));
    state.release();
  });
}

TRITONSERVER_Error *TRITONBACKEND_ModelFinalize(TRITONBACKEND_Model *model) {
  return answered([&] {
    void *state = nullptr;
    check(TRITONBACKEND_ModelState(model, &state));
    delete static_cast<Model *>(state);
  });
}

TRITONSERVER_Error *TRITONBACKEND_ModelInstanceInitialize(TRITONBACKEND_ModelInstance *instance) {
  return answered([&] {
    TRITONBACKEND_Model *model = nullptr;
    void *state = nullptr;
    check(TRITONBACKEND_ModelInstanceModel(instance, &model));
    check(TRITONBACKEND_ModelState(model, &state));
    lama_inpainter *inpainter = static_cast<Model *>(state)->inpainter(device_of(instance));
    check(TRITONBACKEND_ModelInstanceSetState(instance, inpainter));
  });
}

// The inpainter is the model's.
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceFinalize(TRITONBACKEND_ModelInstance *) {
  return nullptr;
}

TRITONSERVER_Error *TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance *instance,
                                                       TRITONBACKEND_Request **requests, const uint32_t count) {
  void *state = nullptr;
  if (TRITONSERVER_Error *error = TRITONBACKEND_ModelInstanceState(instance, &state)) return error;
  lama::triton::execute(instance, static_cast<lama_inpainter *>(state), requests, count);
  return nullptr;
}

}  // extern "C"

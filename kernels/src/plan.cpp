// Plans of the C ABI: a checked description, and the unit that prepare made for one device.
#include <cuda_runtime_api.h>

#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "cuda_status.h"
#include "unit.h"
#include "upload.h"
#include "workspace_layout.h"

struct lama_spectral_plan {
  lama_spectral_plan(const lama_spectral_desc &described, size_t bytes) : desc(described), workspace_bytes(bytes) {}

  const lama_spectral_desc desc;
  size_t workspace_bytes;
  int device = -1;
  lama_spectral_backend backend = LAMA_SPECTRAL_AUTO;
  std::unique_ptr<lama::Unit> unit;
};

namespace {

using lama::cuda_status;
using lama::fail;
using lama::Status;

Status compute_capability(int device, int *capability) {
  int major = 0, minor = 0;
  LAMA_RETURN_IF_FAILED(
      cuda_status(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "device attributes"));
  LAMA_RETURN_IF_FAILED(
      cuda_status(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "device attributes"));
  *capability = 10 * major + minor;
  return LAMA_SPECTRAL_OK;
}

Status make_unit(const lama_spectral_desc &desc, lama_spectral_backend backend, std::unique_ptr<lama::Unit> *unit) {
  return backend == LAMA_SPECTRAL_TENSOR_CORE ? lama::make_tensor_core_unit(desc, unit)
                                              : lama::make_cufft_unit(desc, unit);
}

bool may_be(lama_spectral_backend backend, const lama_spectral_desc &desc, int capability) {
  if (backend == LAMA_SPECTRAL_CUFFT) return true;
  return lama::check_tensor_core(desc) == LAMA_SPECTRAL_OK && capability >= lama::kTensorCoreCapability;
}

// The unit of `backend`. Where it cannot be had and AUTO was asked for, the other one, whose name `backend` then is;
// the line of the failure stays. Memory that one lacks the other would lack too.
Status make_chosen(const lama_spectral_desc &desc, int capability, lama_spectral_backend *backend,
                   std::unique_ptr<lama::Unit> *unit) {
  const Status status = make_unit(desc, *backend, unit);
  if (status == LAMA_SPECTRAL_OK || status == LAMA_SPECTRAL_OUT_OF_MEMORY || desc.backend != LAMA_SPECTRAL_AUTO) {
    return status;
  }
  const std::string line = lama_spectral_last_error();
  const auto other = *backend == LAMA_SPECTRAL_CUFFT ? LAMA_SPECTRAL_TENSOR_CORE : LAMA_SPECTRAL_CUFFT;
  const bool made = may_be(other, desc, capability) && make_unit(desc, other, unit) == LAMA_SPECTRAL_OK;
  fail(status, "%s", line.c_str());
  if (!made) return status;
  *backend = other;
  return LAMA_SPECTRAL_OK;
}

// Every pointer that is read or written 16 bytes at a time.
Status check_pointers(const lama_spectral_arguments &arguments) {
  const struct {
    const char *name;
    const void *pointer;
    bool required;
  } pointers[] = {{"x", arguments.x, true},
                  {"weight", arguments.weight, true},
                  {"bias", arguments.bias, true},
                  {"y", arguments.y, true},
                  {"residual", arguments.residual, false}};
  for (const auto &one : pointers) {
    if (one.required && one.pointer == nullptr) return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "%s is NULL", one.name);
    if (reinterpret_cast<uintptr_t>(one.pointer) % 16 != 0) {
      return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "%s is not aligned to 16 bytes; copy it to an allocation of its own",
                  one.name);
    }
  }
  return LAMA_SPECTRAL_OK;
}

Status check_workspace(const lama_spectral_plan &plan, const void *workspace, size_t bytes) {
  if (workspace == nullptr || bytes < plan.workspace_bytes) {
    return fail(LAMA_SPECTRAL_WORKSPACE_TOO_SMALL, "the workspace has %zu bytes; this plan needs %zu",
                workspace == nullptr ? 0 : bytes, plan.workspace_bytes);
  }
  if (reinterpret_cast<uintptr_t>(workspace) % LAMA_SPECTRAL_ALIGNMENT != 0) {
    return fail(LAMA_SPECTRAL_WORKSPACE_TOO_SMALL, "the workspace is not aligned to %d bytes", LAMA_SPECTRAL_ALIGNMENT);
  }
  return LAMA_SPECTRAL_OK;
}

}  // namespace

extern "C" int lama_spectral_abi_version(void) {
  return LAMA_SPECTRAL_ABI_VERSION;
}

extern "C" lama_spectral_status lama_spectral_create(const lama_spectral_desc *desc, lama_spectral_plan **plan) {
  if (plan == nullptr) return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "plan is NULL");
  *plan = nullptr;
  size_t bytes = 0;
  LAMA_RETURN_IF_FAILED(lama_spectral_workspace_size(desc, &bytes));
  auto *made = new (std::nothrow) lama_spectral_plan(*desc, bytes);
  if (made == nullptr) return fail(LAMA_SPECTRAL_OUT_OF_MEMORY, "no host memory for a plan");
  *plan = made;
  return LAMA_SPECTRAL_OK;
}

extern "C" lama_spectral_status lama_spectral_prepare(lama_spectral_plan *plan) try {
  if (plan == nullptr) return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "plan is NULL");
  int device = 0, capability = 0;
  LAMA_RETURN_IF_FAILED(cuda_status(cudaGetDevice(&device), "no CUDA device"));
  if (plan->unit != nullptr && plan->device == device) return LAMA_SPECTRAL_OK;
  LAMA_RETURN_IF_FAILED(compute_capability(device, &capability));
  lama_spectral_backend backend = LAMA_SPECTRAL_AUTO;
  LAMA_RETURN_IF_FAILED(lama_spectral_resolve(&plan->desc, capability, &backend));
  const lama::WhileOthersCapture relaxed;
  std::unique_ptr<lama::Unit> unit;
  LAMA_RETURN_IF_FAILED(make_chosen(plan->desc, capability, &backend, &unit));
  plan->unit = std::move(unit);
  plan->device = device;
  plan->backend = backend;
  plan->workspace_bytes =
      backend == LAMA_SPECTRAL_TENSOR_CORE ? lama::TensorCoreLayout(plan->desc).end : lama::CufftLayout(plan->desc).end;
  return LAMA_SPECTRAL_OK;
} catch (const std::bad_alloc &) {
  return fail(LAMA_SPECTRAL_OUT_OF_MEMORY, "no host memory for the plan's constants");
}

extern "C" lama_spectral_backend lama_spectral_plan_backend(const lama_spectral_plan *plan) {
  return plan == nullptr ? LAMA_SPECTRAL_AUTO : plan->backend;
}

extern "C" size_t lama_spectral_plan_workspace_size(const lama_spectral_plan *plan) {
  return plan == nullptr ? 0 : plan->workspace_bytes;
}

extern "C" lama_spectral_status lama_spectral_run(const lama_spectral_plan *plan,
                                                  const lama_spectral_arguments *arguments, void *workspace,
                                                  size_t workspace_bytes, void *stream) {
  if (plan == nullptr || arguments == nullptr) {
    return fail(LAMA_SPECTRAL_INVALID_ARGUMENT, "plan and arguments must not be NULL");
  }
  int device = 0;
  LAMA_RETURN_IF_FAILED(cuda_status(cudaGetDevice(&device), "no CUDA device"));
  if (plan->unit == nullptr || plan->device != device) {
    return fail(LAMA_SPECTRAL_NOT_PREPARED, "the plan is not prepared for device %d; call lama_spectral_prepare there",
                device);
  }
  LAMA_RETURN_IF_FAILED(check_pointers(*arguments));
  LAMA_RETURN_IF_FAILED(check_workspace(*plan, workspace, workspace_bytes));
  return plan->unit->run(*arguments, static_cast<unsigned char *>(workspace), static_cast<cudaStream_t>(stream));
}

extern "C" void lama_spectral_destroy(lama_spectral_plan *plan) {
  const lama::WhileOthersCapture relaxed;
  delete plan;
}

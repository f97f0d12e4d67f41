// What the backend uses of Triton's C interface, declared anew: it is built without Triton's headers, and links nothing
// of Triton, whose server has these functions.
//
// Facts of triton/core/tritonserver.h and tritonbackend.h (github.com/triton-inference-server/core, read at branches
// r23.10 to r24.10 and at main of June 2026), which only grow within API version 1. check_triton.cpp compares them with
// real headers: those come first there, and define what stands under TRITONSERVER_API_VERSION_MAJOR here.
#pragma once

#include <cstddef>
#include <cstdint>

// VALUE(name, value, type)
#define LAMA_TRITON_VALUES(VALUE)                                                     \
  VALUE(TRITONSERVER_TYPE_UINT8, 2, TRITONSERVER_DataType)                            \
  VALUE(TRITONSERVER_MEMORY_CPU, 0, TRITONSERVER_MemoryType)                          \
  VALUE(TRITONSERVER_MEMORY_GPU, 2, TRITONSERVER_MemoryType)                          \
  VALUE(TRITONSERVER_INSTANCEGROUPKIND_GPU, 2, TRITONSERVER_InstanceGroupKind)        \
  VALUE(TRITONSERVER_LOG_INFO, 0, TRITONSERVER_LogLevel)                              \
  VALUE(TRITONSERVER_LOG_WARN, 1, TRITONSERVER_LogLevel)                              \
  VALUE(TRITONSERVER_LOG_VERBOSE, 3, TRITONSERVER_LogLevel)                           \
  VALUE(TRITONSERVER_ERROR_INTERNAL, 1, TRITONSERVER_Error_Code)    /* 500 of HTTP */ \
  VALUE(TRITONSERVER_ERROR_NOT_FOUND, 2, TRITONSERVER_Error_Code)   /* 404 */         \
  VALUE(TRITONSERVER_ERROR_INVALID_ARG, 3, TRITONSERVER_Error_Code) /* 400 */         \
  VALUE(TRITONSERVER_ERROR_UNAVAILABLE, 4, TRITONSERVER_Error_Code) /* 503 */         \
  VALUE(TRITONSERVER_ERROR_UNSUPPORTED, 5, TRITONSERVER_Error_Code) /* 501 */         \
  VALUE(TRITONSERVER_ERROR_CANCELLED, 7, TRITONSERVER_Error_Code)   /* 499 */         \
  VALUE(TRITONBACKEND_ARTIFACT_FILESYSTEM, 0, TRITONBACKEND_ArtifactType)             \
  VALUE(TRITONSERVER_REQUEST_RELEASE_ALL, 1, uint32_t)                                \
  VALUE(TRITONSERVER_RESPONSE_COMPLETE_FINAL, 1, uint32_t)

#ifndef TRITONSERVER_API_VERSION_MAJOR
struct TRITONSERVER_Error;
struct TRITONSERVER_Message;
struct TRITONBACKEND_Backend;
struct TRITONBACKEND_Model;
struct TRITONBACKEND_ModelInstance;
struct TRITONBACKEND_Request;
struct TRITONBACKEND_Response;
struct TRITONBACKEND_Input;
struct TRITONBACKEND_Output;
using TRITONSERVER_DataType = uint32_t;  // enums there
using TRITONSERVER_MemoryType = uint32_t;
using TRITONSERVER_InstanceGroupKind = uint32_t;
using TRITONSERVER_LogLevel = uint32_t;
using TRITONSERVER_Error_Code = uint32_t;
using TRITONBACKEND_ArtifactType = uint32_t;
#define LAMA_TRITON_VALUE(name, value, type) constexpr type name = value;
LAMA_TRITON_VALUES(LAMA_TRITON_VALUE)
#undef LAMA_TRITON_VALUE
#endif

// Of the backend's API 1.16, with Triton 2.39 (23.10): the first that tells of cancelled requests.
constexpr uint32_t LAMA_TRITON_MAJOR = 1, LAMA_TRITON_MINOR = 16;

extern "C" {

// Errors are nullptr where a function succeeded, and else the caller's to delete.
TRITONSERVER_Error *TRITONSERVER_ErrorNew(TRITONSERVER_Error_Code code, const char *message);
void TRITONSERVER_ErrorDelete(TRITONSERVER_Error *error);
const char *TRITONSERVER_ErrorMessage(TRITONSERVER_Error *error);
TRITONSERVER_Error *TRITONSERVER_LogMessage(TRITONSERVER_LogLevel level, const char *file, const int line,
                                            const char *message);
bool TRITONSERVER_LogIsEnabled(TRITONSERVER_LogLevel level);
TRITONSERVER_Error *TRITONSERVER_MessageSerializeToJson(TRITONSERVER_Message *message, const char **base, size_t *size);
TRITONSERVER_Error *TRITONSERVER_MessageDelete(TRITONSERVER_Message *message);

TRITONSERVER_Error *TRITONBACKEND_ApiVersion(uint32_t *major, uint32_t *minor);
TRITONSERVER_Error *TRITONBACKEND_BackendConfig(TRITONBACKEND_Backend *backend, TRITONSERVER_Message **config);

TRITONSERVER_Error *TRITONBACKEND_ModelName(TRITONBACKEND_Model *model, const char **name);
TRITONSERVER_Error *TRITONBACKEND_ModelVersion(TRITONBACKEND_Model *model, uint64_t *version);
TRITONSERVER_Error *TRITONBACKEND_ModelRepository(TRITONBACKEND_Model *model, TRITONBACKEND_ArtifactType *type,
                                                  const char **location);
TRITONSERVER_Error *TRITONBACKEND_ModelConfig(TRITONBACKEND_Model *model, const uint32_t config_version,
                                              TRITONSERVER_Message **config);
TRITONSERVER_Error *TRITONBACKEND_ModelBackend(TRITONBACKEND_Model *model, TRITONBACKEND_Backend **backend);
TRITONSERVER_Error *TRITONBACKEND_ModelState(TRITONBACKEND_Model *model, void **state);
TRITONSERVER_Error *TRITONBACKEND_ModelSetState(TRITONBACKEND_Model *model, void *state);

TRITONSERVER_Error *TRITONBACKEND_ModelInstanceKind(TRITONBACKEND_ModelInstance *instance,
                                                    TRITONSERVER_InstanceGroupKind *kind);
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceDeviceId(TRITONBACKEND_ModelInstance *instance, int32_t *device);
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceModel(TRITONBACKEND_ModelInstance *instance,
                                                     TRITONBACKEND_Model **model);
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceState(TRITONBACKEND_ModelInstance *instance, void **state);
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceSetState(TRITONBACKEND_ModelInstance *instance, void *state);
// Times are of CLOCK_MONOTONIC, in nanoseconds.
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceReportStatistics(TRITONBACKEND_ModelInstance *instance,
                                                                TRITONBACKEND_Request *request, const bool success,
                                                                const uint64_t exec_start, const uint64_t compute_start,
                                                                const uint64_t compute_end, const uint64_t exec_end);
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceReportBatchStatistics(
    TRITONBACKEND_ModelInstance *instance, const uint64_t batch_size, const uint64_t exec_start,
    const uint64_t compute_start, const uint64_t compute_end, const uint64_t exec_end);

TRITONSERVER_Error *TRITONBACKEND_RequestInput(TRITONBACKEND_Request *request, const char *name,
                                               TRITONBACKEND_Input **input);
TRITONSERVER_Error *TRITONBACKEND_RequestIsCancelled(TRITONBACKEND_Request *request, bool *is_cancelled);
TRITONSERVER_Error *TRITONBACKEND_RequestRelease(TRITONBACKEND_Request *request, uint32_t flags);
// What it gives lives as long as the request.
TRITONSERVER_Error *TRITONBACKEND_InputProperties(TRITONBACKEND_Input *input, const char **name,
                                                  TRITONSERVER_DataType *type, const int64_t **shape, uint32_t *dims,
                                                  uint64_t *bytes, uint32_t *buffers);
TRITONSERVER_Error *TRITONBACKEND_InputBuffer(TRITONBACKEND_Input *input, const uint32_t index, const void **buffer,
                                              uint64_t *bytes, TRITONSERVER_MemoryType *memory, int64_t *memory_id);

TRITONSERVER_Error *TRITONBACKEND_ResponseNew(TRITONBACKEND_Response **response, TRITONBACKEND_Request *request);
// `error` stays the caller's; the response is no longer, also where this fails.
TRITONSERVER_Error *TRITONBACKEND_ResponseSend(TRITONBACKEND_Response *response, const uint32_t flags,
                                               TRITONSERVER_Error *error);
TRITONSERVER_Error *TRITONBACKEND_ResponseOutput(TRITONBACKEND_Response *response, TRITONBACKEND_Output **output,
                                                 const char *name, const TRITONSERVER_DataType type,
                                                 const int64_t *shape, const uint32_t dims);
// memory: in, where it is wanted; out, where it is.
TRITONSERVER_Error *TRITONBACKEND_OutputBuffer(TRITONBACKEND_Output *output, void **buffer, const uint64_t bytes,
                                               TRITONSERVER_MemoryType *memory, int64_t *memory_id);

// What a backend has for Triton; see exports.map.
#define LAMA_TRITON_EXPORT __attribute__((visibility("default")))
LAMA_TRITON_EXPORT TRITONSERVER_Error *TRITONBACKEND_Initialize(TRITONBACKEND_Backend *backend);
LAMA_TRITON_EXPORT TRITONSERVER_Error *TRITONBACKEND_ModelInitialize(TRITONBACKEND_Model *model);
LAMA_TRITON_EXPORT TRITONSERVER_Error *TRITONBACKEND_ModelFinalize(TRITONBACKEND_Model *model);
LAMA_TRITON_EXPORT TRITONSERVER_Error *TRITONBACKEND_ModelInstanceInitialize(TRITONBACKEND_ModelInstance *instance);
LAMA_TRITON_EXPORT TRITONSERVER_Error *TRITONBACKEND_ModelInstanceFinalize(TRITONBACKEND_ModelInstance *instance);
LAMA_TRITON_EXPORT TRITONSERVER_Error *TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance *instance,
                                                                          TRITONBACKEND_Request **requests,
                                                                          const uint32_t count);

}  // extern "C"

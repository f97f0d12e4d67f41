// What liblama uses of OpenVINO's C interface, declared anew: liblama is built without OpenVINO's headers.
//
// As OpenVINO 2026.4 has it, which is the oldest that runs what lama-export writes; abi/check_openvino.cpp compares it
// with a real header.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lama::ov {

constexpr int OLDEST_YEAR = 2026, OLDEST_RELEASE = 4;

struct Core;
struct Model;
struct CompiledModel;
struct InferRequest;
struct Tensor;
struct ConstPort;

struct Version {
  const char *build, *description;
};

struct Shape {
  int64_t rank;
  int64_t *dimensions;
};

struct Dimension {
  int64_t least, most;
};

struct PartialShape {
  Dimension rank;
  Dimension *dimensions;
};

using Status = int;  // 0: it succeeded

enum ElementType : unsigned { F16 = 3, F32 = 4, F64 = 5, I32 = 9, I64 = 10, U8 = 16 };

// FUNCTION(name after ov_, result, arguments)
#define LAMA_OV_FUNCTIONS(FUNCTION)                                                                                  \
  FUNCTION(get_openvino_version, Status, Version *)                                                                  \
  FUNCTION(version_free, void, Version *)                                                                            \
  FUNCTION(get_last_err_msg, const char *)                                                                           \
  FUNCTION(get_error_info, const char *, Status)                                                                     \
  FUNCTION(free, void, const char *)                                                                                 \
  FUNCTION(core_create, Status, Core **)                                                                             \
  FUNCTION(core_get_property, Status, const Core *, const char *, const char *, char **)                             \
  FUNCTION(core_read_model_from_memory_buffer, Status, const Core *, const char *, size_t, const Tensor *, Model **) \
  FUNCTION(core_compile_model, Status, const Core *, const Model *, const char *, size_t, CompiledModel **, ...)     \
  FUNCTION(model_free, void, Model *)                                                                                \
  FUNCTION(model_reshape, Status, const Model *, const char **, const PartialShape *, size_t)                        \
  FUNCTION(partial_shape_create_static, Status, int64_t, const int64_t *, PartialShape *)                            \
  FUNCTION(partial_shape_free, void, PartialShape *)                                                                 \
  FUNCTION(compiled_model_free, void, CompiledModel *)                                                               \
  FUNCTION(compiled_model_get_property, Status, const CompiledModel *, const char *, char **)                        \
  FUNCTION(compiled_model_inputs_size, Status, const CompiledModel *, size_t *)                                      \
  FUNCTION(compiled_model_outputs_size, Status, const CompiledModel *, size_t *)                                     \
  FUNCTION(compiled_model_input_by_index, Status, const CompiledModel *, size_t, ConstPort **)                       \
  FUNCTION(compiled_model_output_by_index, Status, const CompiledModel *, size_t, ConstPort **)                      \
  FUNCTION(compiled_model_create_infer_request, Status, const CompiledModel *, InferRequest **)                      \
  FUNCTION(output_const_port_free, void, ConstPort *)                                                                \
  FUNCTION(port_get_any_name, Status, const ConstPort *, char **)                                                    \
  FUNCTION(port_get_element_type, Status, const ConstPort *, ElementType *)                                          \
  FUNCTION(port_get_partial_shape, Status, const ConstPort *, PartialShape *)                                        \
  FUNCTION(infer_request_free, void, InferRequest *)                                                                 \
  FUNCTION(infer_request_set_tensor, Status, InferRequest *, const char *, const Tensor *)                           \
  FUNCTION(infer_request_get_tensor, Status, const InferRequest *, const char *, Tensor **)                          \
  FUNCTION(infer_request_start_async, Status, InferRequest *)                                                        \
  FUNCTION(infer_request_wait, Status, InferRequest *)                                                               \
  FUNCTION(shape_create, Status, int64_t, const int64_t *, Shape *)                                                  \
  FUNCTION(shape_free, Status, Shape *)                                                                              \
  FUNCTION(tensor_create_from_host_ptr, Status, ElementType, Shape, void *, Tensor **)                               \
  FUNCTION(tensor_free, void, Tensor *)                                                                              \
  FUNCTION(tensor_get_shape, Status, const Tensor *, Shape *)                                                        \
  FUNCTION(tensor_get_element_type, Status, const Tensor *, ElementType *)                                           \
  FUNCTION(tensor_data, Status, const Tensor *, void **)

// The type of each, such as ov::core_create_t.
#define LAMA_OV_TYPE(name, result, ...) using name##_t = result(__VA_ARGS__);
LAMA_OV_FUNCTIONS(LAMA_OV_TYPE)
#undef LAMA_OV_TYPE

}  // namespace lama::ov

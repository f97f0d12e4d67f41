// A library in the place of OpenVINO: the functions that liblama uses, and integers in place of a network.
#include "openvino_abi.h"

#include <cstdarg>
#include <type_traits>

#include "fake.h"

namespace lama::ov {

struct Core {};
struct Model : fake::Model {};
struct CompiledModel : fake::Model {};
struct ConstPort {
  std::string name;
  bool is_float;
  int64_t rank;
};
struct Tensor : fake::Tensor {};
struct InferRequest {
  fake::Model model;
  Tensor image, mask, result;
};

namespace {

thread_local std::string said;  // last, by this thread

Status refused(const char *function) {
  if (!fake::fails(function)) return 0;
  said = fake::refusal(function);
  return -1;
}

template <typename Kind>
Status made(const char *function, Kind **out, Kind value) {
  if (const Status status = refused(function)) return status;
  *out = new Kind(std::move(value));
  return 0;
}

}  // namespace

extern "C" {
#define EXPORT __attribute__((visibility("default")))
#define REFUSE(name) \
  if (const Status status = refused(#name)) return status

EXPORT Status ov_get_openvino_version(Version *version) {
  const bool is_old = fake::fails("version");
  *version = {strdup(is_old ? "2024.1.0-1-abc" : "2026.4.0-1-abc"), strdup("a fake")};
  return 0;
}

EXPORT void ov_version_free(Version *version) {
  free(const_cast<char *>(version->build));
  free(const_cast<char *>(version->description));
}

EXPORT const char *ov_get_last_err_msg() {
  return strdup(said.c_str());
}
EXPORT const char *ov_get_error_info(Status) {
  return "general error";
}
EXPORT void ov_free(const char *text) {
  free(const_cast<char *>(text));
}

EXPORT Status ov_core_create(Core **out) {
  return made("core_create", out, Core{});
}

EXPORT Status ov_core_get_property(const Core *, const char *, const char *, char **out) {
  REFUSE(core_get_property);
  *out = strdup("FP32 INT8 BIN");
  return 0;
}

EXPORT Status ov_core_read_model_from_memory_buffer(const Core *, const char *text, size_t bytes, const Tensor *,
                                                    Model **out) {
  return made("core_read_model_from_memory_buffer", out, Model{{std::string(text, bytes)}});
}

EXPORT Status ov_core_compile_model(const Core *, const Model *model, const char *, size_t count, CompiledModel **out,
                                    ...) {
  std::va_list texts;
  va_start(texts, out);
  for (size_t i = 0; i < count; ++i)
    if (!va_arg(texts, const char *)) std::abort();
  va_end(texts);
  return made("core_compile_model", out, CompiledModel{{model->text}});
}

EXPORT void ov_model_free(Model *model) {
  delete model;
}

EXPORT Status ov_model_reshape(const Model *, const char **, const PartialShape *, size_t) {
  return refused("model_reshape");
}

EXPORT Status ov_partial_shape_create_static(int64_t rank, const int64_t *sizes, PartialShape *out) {
  REFUSE(partial_shape_create_static);
  *out = {{rank, rank}, new Dimension[size_t(rank)]};
  for (int64_t i = 0; i < rank; ++i) out->dimensions[i] = {sizes[i], sizes[i]};
  return 0;
}

EXPORT void ov_partial_shape_free(PartialShape *shape) {
  delete[] shape->dimensions;
  *shape = {};
}

EXPORT void ov_compiled_model_free(CompiledModel *model) {
  delete model;
}

EXPORT Status ov_compiled_model_get_property(const CompiledModel *, const char *, char **out) {
  REFUSE(compiled_model_get_property);
  *out = strdup("2");
  return 0;
}

EXPORT Status ov_compiled_model_inputs_size(const CompiledModel *, size_t *out) {
  REFUSE(compiled_model_inputs_size);
  *out = 2;
  return 0;
}

EXPORT Status ov_compiled_model_outputs_size(const CompiledModel *, size_t *out) {
  REFUSE(compiled_model_outputs_size);
  *out = 1;
  return 0;
}

EXPORT Status ov_compiled_model_input_by_index(const CompiledModel *model, size_t index, ConstPort **out) {
  const bool is_float = model->says("io value=\"float\"");
  const std::string name = model->says("names=other") ? "x" : index == 0 ? "image" : "mask";
  return made("compiled_model_input_by_index", out, ConstPort{name, is_float, index == 1 && !is_float ? 3 : 4});
}

EXPORT Status ov_compiled_model_output_by_index(const CompiledModel *model, size_t, ConstPort **out) {
  return made("compiled_model_output_by_index", out, ConstPort{"result", model->says("io value=\"float\""), 4});
}

EXPORT Status ov_compiled_model_create_infer_request(const CompiledModel *model, InferRequest **out) {
  return made("compiled_model_create_infer_request", out, InferRequest{*model, {}, {}, {}});
}

EXPORT void ov_output_const_port_free(ConstPort *port) {
  delete port;
}

EXPORT Status ov_port_get_any_name(const ConstPort *port, char **out) {
  REFUSE(port_get_any_name);
  *out = strdup(port->name.c_str());
  return 0;
}

EXPORT Status ov_port_get_element_type(const ConstPort *port, ElementType *out) {
  REFUSE(port_get_element_type);
  *out = port->is_float ? F32 : U8;
  return 0;
}

EXPORT Status ov_port_get_partial_shape(const ConstPort *port, PartialShape *out) {
  REFUSE(port_get_partial_shape);
  const std::vector<int64_t> sizes(size_t(port->rank), 1);
  return ov_partial_shape_create_static(port->rank, sizes.data(), out);
}

EXPORT void ov_infer_request_free(InferRequest *request) {
  delete request;
}

EXPORT Status ov_infer_request_set_tensor(InferRequest *request, const char *name, const Tensor *tensor) {
  REFUSE(infer_request_set_tensor);
  (name == std::string("image") ? request->image : request->mask) = *tensor;
  return 0;
}

EXPORT Status ov_infer_request_get_tensor(const InferRequest *request, const char *, Tensor **out) {
  return made("infer_request_get_tensor", out, Tensor(request->result));
}

EXPORT Status ov_infer_request_start_async(InferRequest *request) {
  REFUSE(infer_request_start_async);
  fake::Model model = request->model;
  model.text += model.says("io value=\"float\"") ? " io=float" : "";
  fake::run(model, request->image, request->mask, request->result);
  return 0;
}

EXPORT Status ov_infer_request_wait(InferRequest *request) {
  REFUSE(infer_request_wait);
  if (!request->model.says("memory")) return 0;
  said = "std::bad_alloc";
  return -1;
}

EXPORT Status ov_shape_create(int64_t rank, const int64_t *sizes, Shape *out) {
  REFUSE(shape_create);
  *out = {rank, new int64_t[size_t(rank)]};
  std::copy(sizes, sizes + rank, out->dimensions);
  return 0;
}

EXPORT Status ov_shape_free(Shape *shape) {
  delete[] shape->dimensions;
  *shape = {};
  return 0;
}

EXPORT Status ov_tensor_create_from_host_ptr(ElementType type, Shape shape, void *data, Tensor **out) {
  return made("tensor_create_from_host_ptr", out,
              Tensor{{type == F32, {shape.dimensions, shape.dimensions + shape.rank}, data, {}}});
}

EXPORT void ov_tensor_free(Tensor *tensor) {
  delete tensor;
}

EXPORT Status ov_tensor_get_shape(const Tensor *tensor, Shape *out) {
  REFUSE(tensor_get_shape);
  return ov_shape_create(int64_t(tensor->sizes.size()), tensor->sizes.data(), out);
}

EXPORT Status ov_tensor_get_element_type(const Tensor *tensor, ElementType *out) {
  REFUSE(tensor_get_element_type);
  *out = tensor->is_float ? F32 : U8;
  return 0;
}

EXPORT Status ov_tensor_data(const Tensor *tensor, void **out) {
  REFUSE(tensor_data);
  *out = tensor->memory.empty() ? tensor->data : const_cast<uint8_t *>(tensor->memory.data());
  return 0;
}
}

#define SAME(name, ...) static_assert(std::is_same_v<decltype(ov_##name), name##_t>);
LAMA_OV_FUNCTIONS(SAME)

}  // namespace lama::ov

#include "engines/openvino_model.h"

#include <cstdlib>

#include "engines/results.h"
#include "errors.h"

namespace lama {

namespace {

constexpr size_t MOST_PROPERTIES = 6;

std::string name_of(ov::ElementType type) {
  switch (type) {
    case ov::F16:
      return "float16";
    case ov::F32:
      return "float32";
    case ov::F64:
      return "float64";
    case ov::I32:
      return "int32";
    case ov::I64:
      return "int64";
    case ov::U8:
      return "uint8";
  }
  return "type " + std::to_string(unsigned(type));
}

void reshape(const OpenVinoApi &api, const ov::Model *model, const OvSizes &sizes) {
  const char *names[] = {"image", "mask"};
  const auto shape_of = [&](const std::vector<int64_t> &dimensions) {
    ov::PartialShape shape = {};
    api.check(api.partial_shape_create_static(int64_t(dimensions.size()), dimensions.data(), &shape));
    return shape;
  };
  ov::PartialShape shapes[] = {shape_of(sizes.image), {}};
  ov::Status status = 0;
  try {
    shapes[1] = shape_of(sizes.mask);
    status = api.model_reshape(model, names, shapes, 2);
  } catch (...) {
    api.partial_shape_free(&shapes[0]);
    throw;
  }
  for (ov::PartialShape &shape : shapes) api.partial_shape_free(&shape);
  api.check(status);
}

// The function takes its properties as further arguments, of which it looks at the first `count`.
ov::CompiledModel *compile(const OpenVinoApi &api, const ov::Model *model, const OvProperties &properties) {
  const char *texts[2 * MOST_PROPERTIES] = {};
  if (properties.size() > MOST_PROPERTIES) throw Error(LAMA_INTERNAL_ERROR, "too many properties of OpenVINO");
  for (size_t i = 0; i < properties.size(); ++i) {
    texts[2 * i] = properties[i].first.c_str();
    texts[2 * i + 1] = properties[i].second.c_str();
  }
  ov::CompiledModel *compiled = nullptr;
  api.check(api.core_compile_model(api.core(), model, "CPU", 2 * properties.size(), &compiled, texts[0], texts[1],
                                   texts[2], texts[3], texts[4], texts[5], texts[6], texts[7], texts[8], texts[9],
                                   texts[10], texts[11]));
  return compiled;
}

}  // namespace

OvCompiled::OvCompiled(const OpenVinoApi &api, const std::string &xml, std::shared_ptr<const std::string> weights,
                       const OvProperties &properties, const OvSizes *sizes)
    : api_(api), weights_(std::move(weights)), model_(nullptr, api.compiled_model_free) {
  const auto tensor = api_.tensor(ov::U8, {int64_t(weights_->size())}, weights_->data());
  ov::Model *model = nullptr;
  api_.check(api_.core_read_model_from_memory_buffer(api_.core(), xml.data(), xml.size(), tensor.get(), &model));
  const OvOwned<ov::Model> held(model, api_.model_free);
  if (sizes) reshape(api_, model, *sizes);
  model_.reset(compile(api_, model, properties));
}

ModelValue OvCompiled::described(ov::ConstPort *port) const {
  const OvOwned<ov::ConstPort> held(port, api_.output_const_port_free);
  char *name = nullptr;
  const bool has_name = api_.port_get_any_name(port, &name) == 0 && name;
  ModelValue value{has_name ? api_.text(name) : "without a name", "", std::nullopt};
  ov::ElementType type = {};
  api_.check(api_.port_get_element_type(port, &type));
  value.type = name_of(type);
  ov::PartialShape shape = {};
  api_.check(api_.port_get_partial_shape(port, &shape));
  if (shape.rank.least == shape.rank.most) value.dimensions = shape.rank.least;
  api_.partial_shape_free(&shape);
  return value;
}

std::vector<ModelValue> OvCompiled::values() const {
  std::vector<ModelValue> found;
  const auto add = [&](auto count, auto port_of) {
    size_t all = 0;
    api_.check(count(model_.get(), &all));
    for (size_t i = 0; i < all; ++i) {
      ov::ConstPort *port = nullptr;
      api_.check(port_of(model_.get(), i, &port));
      found.push_back(described(port));
    }
  };
  add(api_.compiled_model_inputs_size, api_.compiled_model_input_by_index);
  add(api_.compiled_model_outputs_size, api_.compiled_model_output_by_index);
  return found;
}

int OvCompiled::make_requests() {
  char *value = nullptr;
  api_.check(api_.compiled_model_get_property(model_.get(), "OPTIMAL_NUMBER_OF_INFER_REQUESTS", &value));
  const int count = std::max(1, std::atoi(api_.text(value).c_str()));
  requests_.reserve(size_t(count)), idle_.reserve(size_t(count));
  for (int i = 0; i < count; ++i) {
    ov::InferRequest *request = nullptr;
    api_.check(api_.compiled_model_create_infer_request(model_.get(), &request));
    requests_.emplace_back(request, api_.infer_request_free);
    idle_.push_back(request);
  }
  return count;
}

// A request for one call, which waits for it.
class OvCompiled::Lease {
 public:
  explicit Lease(OvCompiled &model) : model_(model) {
    std::unique_lock<std::mutex> lock(model_.mutex_);
    model_.freed_.wait(lock, [&] { return !model_.idle_.empty(); });
    request_ = model_.idle_.back();
    model_.idle_.pop_back();
  }

  ~Lease() {
    const std::lock_guard<std::mutex> lock(model_.mutex_);
    model_.idle_.push_back(request_);  // into memory that it has
    model_.freed_.notify_one();
  }

  ov::InferRequest *get() const { return request_; }

 private:
  OvCompiled &model_;
  ov::InferRequest *request_;
};

void OvCompiled::run(const Shape &shape, const std::string &io, const void *image, const void *mask, uint8_t *results) {
  const ov::ElementType type = io == "float" ? ov::F32 : ov::U8;
  const auto first = api_.tensor(type, image_sizes(shape, io), image);
  const auto second = api_.tensor(type, mask_sizes(shape, io), mask);
  const Lease request(*this);
  api_.check(api_.infer_request_set_tensor(request.get(), "image", first.get()));
  api_.check(api_.infer_request_set_tensor(request.get(), "mask", second.get()));
  api_.check(api_.infer_request_start_async(request.get()));
  api_.check(api_.infer_request_wait(request.get()));
  read_result(request.get(), shape, io, results);
}

void OvCompiled::read_result(const ov::InferRequest *request, const Shape &shape, const std::string &io,
                             uint8_t *results) const {
  ov::Tensor *tensor = nullptr;
  api_.check(api_.infer_request_get_tensor(request, "result", &tensor));
  const OvOwned<ov::Tensor> held(tensor, api_.tensor_free);
  ov::ElementType type = {};
  api_.check(api_.tensor_get_element_type(tensor, &type));
  ov::Shape found = {};
  api_.check(api_.tensor_get_shape(tensor, &found));
  const auto free_shape = [this](ov::Shape *shape) { api_.shape_free(shape); };
  const std::unique_ptr<ov::Shape, decltype(free_shape)> held_shape(&found, free_shape);
  const std::vector<int64_t> sizes(found.dimensions, found.dimensions + found.rank);
  void *data = nullptr;
  api_.check(api_.tensor_data(tensor, &data));
  take_result(shape, io, sizes, type == (io == "float" ? ov::F32 : ov::U8), data, results);
}

}  // namespace lama

// One request: its tensors as liblama's views, its response, its end.
#pragma once

#include <string>
#include <vector>

#include "lama/inpainter.h"
#include "triton_abi.h"

namespace lama::triton {

class Request {
 public:
  // Owns `request` from here on. Anything that is wrong with it is kept for its answer.
  explicit Request(TRITONBACKEND_Request *request) noexcept;
  Request(Request &&) = default;

  bool is_open() const { return error_.status == LAMA_OK; }
  bool is_cancelled() const;  // whoever asked has gone
  void fail(const lama_error &error) { error_ = error; }

  int64_t count() const { return count_; }  // pictures
  // Appends views of each picture; outputs are in the response's own memory.
  void add_views(std::vector<lama_image> &images, std::vector<lama_image> &masks, std::vector<lama_image> &outputs);

  void answer() noexcept;  // once
  TRITONBACKEND_Request *handle() const { return request_; }

 private:
  struct Tensor {
    const uint8_t *data = nullptr;
    std::vector<uint8_t> gathered;  // of several buffers
    std::vector<int64_t> shape;
  };

  void read();
  Tensor input(const char *name) const;
  void take_shape();
  void make_output();

  TRITONBACKEND_Request *request_;
  TRITONBACKEND_Response *response_ = nullptr;
  Tensor image_, mask_;
  int64_t count_ = 0, height_ = 0, width_ = 0;
  uint8_t *result_ = nullptr;
  lama_error error_ = {};
};

}  // namespace lama::triton

// What an engine declares and does: the counterpart of lama_deploy/runtime/backend.py.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "errors.h"
#include "shapes.h"

namespace lama {

// What a run takes at its peak in bytes, as `Memory` of lama_deploy/runtime/backend.py.
struct Memory {
  int64_t fixed = 0;
  double per_pixel = 0;
  std::optional<double> per_pixel_fixed;
  double per_picture = 0;
  double residual = 0;
};

// As `Capabilities` there; the defaults are what every backend can.
struct Capabilities {
  std::vector<ShapeRange> shapes;  // empty: any
  int64_t batch = 1;               // pictures of one shape that are best run together, where `shapes` do not say it
  int64_t window = 0;              // pixels a side that windows have at least
  std::optional<Memory> memory;
  bool memory_on_device = false;      // `memory` is of the GPU, which the backend itself asks
  std::optional<int64_t> fixed_from;  // from so many pixels on, one that is fixed to a shape takes less memory
  int workers = 1;
  bool on_device = false;

  // What to run in place of `shape`: itself where it is taken whole.
  Shape part_for(const Shape &shape) const { return shapes.empty() ? shape : fitting(shapes, shape).shape; }
};

// One loaded model on one engine. Its functions may be called by several threads at once, and throw Error alone.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const Capabilities &capabilities() const = 0;

  // images: contiguous bytes count x height x width x 3 (RGB), masks: count x height x width, nonzero = hole, results
  // as images. shape: one that `capabilities` take. Throws LAMA_ENGINE_ERROR for NaN and what the engine says.
  virtual void run(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) = 0;

  // The same model for pictures of one shape alone; of those with `fixed_from`.
  virtual std::unique_ptr<Backend> fixed(const Shape &) { throw Error(LAMA_INTERNAL_ERROR, "not fixable"); }

  // Pointers of the GPU, enqueued in the order of `stream`; of those with `on_device`.
  virtual void run_on_device(const Shape &, const void *, const void *, void *, void * /*stream*/) {
    throw Error(LAMA_INVALID_ARGUMENT, "pictures on the GPU are for TensorRT engines; give them from the host");
  }

  virtual std::string name() const = 0;     // "onnxruntime", "openvino", "tensorrt"
  virtual std::string version() const = 0;  // of the engine's library
  virtual std::string library() const = 0;  // the file that was opened
};

}  // namespace lama

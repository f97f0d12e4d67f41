// The one symbol of liblama_trt: its table of C functions. Nothing is thrown out of here.
#include <cstring>
#include <new>

#include "engines/trt_api.h"
#include "errors.h"
#include "session.h"

struct lama_trt_engine {
  explicit lama_trt_engine(const lama_trt_options &options) : session(options) {}
  lama::Session session;
};

namespace {

lama_status tell(lama_error *error, lama_status status, const char *line) noexcept {
  if (!error) return status;
  error->status = status;
  std::strncpy(error->message, line, LAMA_ERROR_BYTES - 1);
  error->message[LAMA_ERROR_BYTES - 1] = 0;
  return status;
}

template <typename Work>
lama_status guarded(lama_error *error, const Work &work) noexcept {
  try {
    work();
    return tell(error, LAMA_OK, "");
  } catch (const lama::Error &found) {
    return tell(error, found.status, found.what());
  } catch (const std::bad_alloc &) {
    return tell(error, LAMA_OUT_OF_MEMORY, "too little memory for the call; give smaller or fewer pictures at once");
  } catch (const std::exception &found) {
    return tell(error, LAMA_INTERNAL_ERROR, found.what());
  } catch (...) {
    return tell(error, LAMA_INTERNAL_ERROR, "an unknown exception in liblama_trt: please report it");
  }
}

lama::Shape shape_of(const lama_trt_shape &shape) {
  return {shape.count, shape.height, shape.width};
}

lama::cuda::Address address(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

lama_status open_engine(const lama_trt_options *options, lama_trt_engine **engine, lama_error *error) {
  return guarded(error, [&] { *engine = new lama_trt_engine(*options); });
}

void close_engine(lama_trt_engine *engine) {
  delete engine;
}

void describe(const lama_trt_engine *engine, lama_trt_info *info) {
  engine->session.describe(*info);
}

lama_status run(lama_trt_engine *engine, const lama_trt_shape *shape, const uint8_t *images, const uint8_t *masks,
                uint8_t *results, lama_error *error) {
  return guarded(error, [&] { engine->session.run(shape_of(*shape), images, masks, results); });
}

lama_status run_on_device(lama_trt_engine *engine, const lama_trt_shape *shape, const void *images, const void *masks,
                          void *results, void *stream, lama_error *error) {
  return guarded(error, [&] {
    engine->session.run_on_device(shape_of(*shape), {address(images), address(masks), address(results)}, stream);
  });
}

constexpr lama_trt_table kTable = {LAMA_TRT_TABLE_VERSION, open_engine, close_engine, describe, run, run_on_device};

}  // namespace

extern "C" LAMA_API const lama_trt_table *lama_trt_functions(int32_t version) {
  return version == LAMA_TRT_TABLE_VERSION ? &kTable : nullptr;
}

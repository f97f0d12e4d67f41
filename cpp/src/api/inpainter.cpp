// The C ABI over a backend and its strategist.
#include "lama/inpainter.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/checked_options.h"
#include "api/guarded.h"
#include "api/views.h"
#include "bundle/bundle.h"
#include "engines/forks.h"
#include "engines/open.h"
#include "masks/mask.h"
#include "memory/process_memory.h"
#include "strategies/strategist.h"

namespace lama {
namespace {

constexpr size_t MOST_PICTURES = 65536;  // of a call
constexpr int64_t SMALL = 64 << 20;      // bytes; to ask costs more than such a need is worth
constexpr int64_t HELD_OF_PIXEL = 7;     // bytes: picture, result and hole of a pixel, while a call computes it

void require(bool holds, const char *line) {
  if (!holds) throw Error(LAMA_INVALID_ARGUMENT, line);
}

std::string named(const char *what, size_t index, size_t count) {
  return count == 1 ? std::string("the ") + what : std::string(what) + " " + std::to_string(index);
}

std::vector<ImageView> views_of(const lama_image *images, size_t count, const char *what) {
  std::vector<ImageView> views;
  for (size_t i = 0; i < count; ++i) views.emplace_back(images ? &images[i] : nullptr, named(what, i, count));
  return views;
}

// Before pictures are copied: a view may claim any number of pixels.
void require_memory(const std::vector<ImageView> &images, int64_t limit) {
  int64_t pixels = 0;
  for (const ImageView &image : images) pixels += image.width * image.height;
  require(pixels <= MOST_PIXELS, "the pictures of one call have more than 2^31 pixels; give fewer at once");
  const int64_t needed = HELD_OF_PIXEL * pixels;
  if (needed <= SMALL) return;
  const auto memory = process_memory();
  const int64_t room = limit > 0 ? limit : memory ? memory->room : INT64_MAX;
  if (needed > room)
    throw Error(LAMA_OUT_OF_MEMORY, "the pictures of this call take " + gib(double(needed)) +
                                        ", and this process may take " + gib(double(room)) +
                                        " more; give fewer or smaller ones, or more memory");
}

// The caller's structure, of `bytes` bytes, which are fewer where the program was compiled against an earlier version.
template <class Struct>
void begin(Struct *given, size_t bytes, const Struct &defaults) {
  if (given == nullptr || bytes < sizeof given->size) return;
  const size_t known = std::min(bytes, sizeof defaults);
  std::memset(static_cast<void *>(given), 0, bytes);
  std::memcpy(given, &defaults, known);
  given->size = known;
}

Progress progress_of(const lama_call &call) {
  if (!call.progress) return {};
  return [function = call.progress, user = call.progress_user](size_t done, size_t all) {
    if (function(user, done, all)) throw Error(LAMA_CANCELLED, "the progress callback ended the call");
  };
}

}  // namespace
}  // namespace lama

struct lama_inpainter {
  lama_inpainter(const char *folder, const lama::Options &options)
      : log(options.engine.log),
        memory(options.memory),
        bundle(lama::load_bundle(folder, options.engine.check)),
        birth(bundle.target, options.engine.threads),
        backend(lama::open_backend(bundle, options.engine)),
        strategist(*backend, options.strategy, options.memory, log),
        engine(backend->name()),
        version(backend->version()),
        library(backend->library()) {}

  void inpaint(size_t count, const lama_image *images, const lama_image *masks, const lama_image *outputs,
               const lama_call *given);

  const lama::Log log;
  const int64_t memory;
  const lama::Bundle bundle;
  const lama::Birth birth;
  const std::unique_ptr<lama::Backend> backend;
  lama::Strategist strategist;
  const std::string engine, version, library;
};

void lama_inpainter::inpaint(size_t count, const lama_image *images, const lama_image *masks, const lama_image *outputs,
                             const lama_call *given) {
  using namespace lama;
  const lama_call call = checked(given);
  const MaskOptions options(call);
  require(count >= 1 && count <= MOST_PICTURES, "the number of pictures is not from 1 to 65,536");
  const std::vector<ImageView> image_views = views_of(images, count, "image");
  const std::vector<ImageView> mask_views = masks ? views_of(masks, count, "mask") : std::vector<ImageView>();
  std::vector<ImageView> output_views = views_of(outputs, count, "output");
  check_outputs(image_views, mask_views, output_views);
  require_memory(image_views, memory);
  birth.check();

  std::vector<Picture> pictures;
  std::vector<Hole> holes;
  for (size_t i = 0; i < count; ++i) {
    holes.push_back(hole_of(masks ? &mask_views[i] : nullptr, image_views[i].size(), options, log));
    pictures.push_back(picture_of(image_views[i]));
  }
  const std::vector<Picture> filled = strategist.fill(std::move(pictures), holes, progress_of(call));
  for (size_t i = 0; i < count; ++i) write(filled[i], holes[i], image_views[i], output_views[i]);
}

extern "C" {

int32_t lama_abi_version(void) {
  return LAMA_ABI_VERSION;
}

const char *lama_version(void) {
  return LAMA_VERSION;
}

void lama_options_init(lama_options *options, size_t bytes) {
  lama_options defaults = {};
  defaults.limit = 1024;
  defaults.margin = 64;
  defaults.device = -1;
  defaults.graphs = 8;
  defaults.check = 1;
  lama::begin(options, bytes, defaults);
}

void lama_call_init(lama_call *call, size_t bytes) {
  lama::begin(call, bytes, lama_call{});
}

void lama_info_init(lama_info *info, size_t bytes) {
  lama::begin(info, bytes, lama_info{});
}

lama_status lama_load(const char *bundle, const lama_options *options, lama_inpainter **inpainter, lama_error *error) {
  return lama::guarded(error, [&] {
    lama::require(inpainter != nullptr, "inpainter is NULL; give the address of a pointer");
    *inpainter = nullptr;
    lama::require(bundle != nullptr && *bundle, "bundle is NULL or \"\"; give the folder that lama-export wrote");
    *inpainter = new lama_inpainter(bundle, lama::checked(options));
  });
}

void lama_free(lama_inpainter *inpainter) {
  if (inpainter != nullptr && inpainter->birth.is_usable()) delete inpainter;
}

lama_status lama_describe(const lama_inpainter *inpainter, lama_info *info, lama_error *error) {
  return lama::guarded(error, [&] {
    lama::require(inpainter != nullptr && info != nullptr, "inpainter or info is NULL");
    lama::require(info->size >= sizeof info->size && info->size <= sizeof *info,
                  "info has a size that this library does not know; call lama_info_init on it first");
    const lama_info whole = {info->size,
                             inpainter->engine.c_str(),
                             inpainter->version.c_str(),
                             inpainter->bundle.precision.c_str(),
                             inpainter->library.c_str(),
                             inpainter->backend->capabilities().workers};
    std::memcpy(info, &whole, info->size);
  });
}

lama_status lama_inpaint(lama_inpainter *inpainter, const lama_image *image, const lama_image *mask,
                         const lama_image *output, const lama_call *call, lama_error *error) {
  return lama_inpaint_batch(inpainter, 1, image, mask, output, call, error);
}

lama_status lama_inpaint_batch(lama_inpainter *inpainter, size_t count, const lama_image *images,
                               const lama_image *masks, const lama_image *outputs, const lama_call *call,
                               lama_error *error) {
  return lama::guarded(error, [&] {
    lama::require(inpainter != nullptr, "inpainter is NULL; lama_load makes one");
    inpainter->inpaint(count, images, masks, outputs, call);
  });
}

lama_status lama_inpaint_on_device(lama_inpainter *inpainter, const lama_device_images *images, void *stream,
                                   lama_error *error) {
  return lama::guarded(error, [&] {
    lama::require(inpainter != nullptr, "inpainter is NULL; lama_load makes one");
    lama::require(
        images != nullptr && images->images != nullptr && images->masks != nullptr && images->results != nullptr,
        "images, masks or results is NULL; give addresses in the memory of the GPU");
    const lama::Shape shape = {images->count, images->height, images->width};
    for (int64_t side : shape)
      lama::require(side >= 1 && side <= LAMA_MOST_SIDE, "a side or the count is not from 1 to 1,048,576");
    inpainter->birth.check();
    inpainter->backend->run_on_device(shape, images->images, images->masks, images->results, stream);
  });
}

lama_status lama_plan(lama_inpainter *inpainter, const lama_image *mask, const lama_call *call, char *text,
                      size_t bytes, lama_error *error) {
  return lama::guarded(error, [&] {
    lama::require(inpainter != nullptr, "inpainter is NULL; lama_load makes one");
    lama::require(text != nullptr && bytes > 0, "text is NULL or has no bytes; give room for a line");
    const lama::ImageView view(mask, "the mask");
    lama::require_memory({view}, inpainter->memory);
    const lama::Hole hole = lama::hole_of(&view, view.size(), lama::MaskOptions(lama::checked(call)), {});
    const lama::Plan plan = inpainter->strategist.plan(hole);
    const std::string line = plan.text() + ": " + plan.windows();
    const size_t length = std::min(line.size(), bytes - 1);
    std::memcpy(text, line.data(), length);
    text[length] = '\0';
  });
}

lama_status lama_warm_up(lama_inpainter *inpainter, int64_t count, int64_t height, int64_t width, lama_error *error) {
  return lama::guarded(error, [&] {
    lama::require(inpainter != nullptr, "inpainter is NULL; lama_load makes one");
    for (int64_t side : {count, height, width})
      lama::require(side >= 1 && side <= LAMA_MOST_SIDE, "a side or the count is not from 1 to 1,048,576");
    inpainter->birth.check();
    inpainter->strategist.warm_up({count, height, width});
  });
}

}  // extern "C"

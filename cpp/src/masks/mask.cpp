#include "masks/mask.h"

#include <cmath>

#include "masks/doubts.h"
#include "masks/drawn.h"
#include "masks/grow.h"

namespace lama {

namespace {

template <class Shape>
std::vector<Shape> shapes_of(const Shape *shapes, size_t count, const char *what) {
  constexpr size_t MOST = 1 << 20;
  if (count > MOST || (count > 0 && shapes == nullptr))
    throw Error(LAMA_INVALID_ARGUMENT, std::string("there are ") + std::to_string(count) + " " + what +
                                           (shapes ? "" : " at NULL") + "; allowed: up to " + std::to_string(MOST));
  return {shapes, shapes + count};
}

template <class Shape>
void draw_all(Hole &hole, const std::vector<Shape> &shapes, bool &cut) {
  for (const Shape &shape : shapes) cut = draw(hole, shape) || cut;
}

Hole read(const ImageView &mask, const Size &size, const MaskOptions &options) {
  if (mask.format != LAMA_GREY)
    throw Error(LAMA_INVALID_ARGUMENT,
                mask.name + " has " + std::to_string(mask.pixel) + " bytes a pixel; allowed: LAMA_GREY, of 1");
  if (mask.size() != size)
    throw Error(LAMA_INVALID_ARGUMENT, mask.name + " is " + words(mask.size()) + ", the image " + words(size) +
                                           "; both must have the same size");
  Hole hole(size[0], size[1], 1);
  const uint8_t least =
      uint8_t(int(options.threshold) + 1);  // of the bytes above it; so that many are compared at once
  const bool invert = options.invert;
  const int64_t width = mask.width;
  for (int64_t y = 0; y < mask.height; ++y) {
    const uint8_t *from = mask.row(y);
    uint8_t *to = hole.row(y);
    for (int64_t x = 0; x < width; ++x) to[x] = (from[x] >= least) != invert;
  }
  return hole;
}

}  // namespace

MaskOptions::MaskOptions(const lama_call &call)
    : threshold(call.mask_threshold),
      invert(call.mask_invert != 0),
      grow(call.mask_grow),
      boxes(shapes_of(call.boxes, call.box_count, "boxes")),
      points(shapes_of(call.points, call.point_count, "points")) {
  if (!(threshold >= 0 && threshold < 255))
    throw Error(LAMA_INVALID_ARGUMENT,
                "mask_threshold is " + std::to_string(threshold) + "; allowed: a number from 0 to below 255");
  if (call.mask_invert != 0 && call.mask_invert != 1)
    throw Error(LAMA_INVALID_ARGUMENT, "mask_invert is " + std::to_string(call.mask_invert) + "; allowed: 0, 1");
  if (grow < 0 || grow > MOST_GROWTH)
    throw Error(LAMA_INVALID_ARGUMENT,
                "mask_grow is " + std::to_string(grow) + "; allowed: 0 to " + std::to_string(MOST_GROWTH));
}

Hole hole_of(const ImageView *mask, const Size &size, const MaskOptions &options, const Log &log) {
  const bool drawn = !options.boxes.empty() || !options.points.empty();
  if (!mask && !drawn)
    throw Error(LAMA_INVALID_ARGUMENT, "there is neither a mask nor a box or point, so nothing says where the hole is");
  if (!mask && options.invert)
    throw Error(LAMA_INVALID_ARGUMENT, "mask_invert is of a mask, and there is none; boxes and points are filled");
  Hole hole = mask ? read(*mask, size, options) : Hole(size[0], size[1], 1);
  if (mask)
    if (const auto line = doubt(*mask, hole, drawn)) log.warn(*line);
  const bool changes = drawn || options.grow > 0;
  const double before = mask && changes ? share_of(hole) : 0;
  bool cut = false;
  draw_all(hole, options.boxes, cut);
  draw_all(hole, options.points, cut);
  if (cut) log.warn("a box or point reaches over the picture's edge, and what is outside of it is left out");
  grow(hole, options.grow);
  if (changes && before <= MOST_HOLE && share_of(hole) > MOST_HOLE)
    log.warn("the hole, with what is drawn and grown, is more than 95% of the picture");
  return hole;
}

}  // namespace lama

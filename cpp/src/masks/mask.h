// The hole of a picture from all that says where it is: a mask, boxes, points, and how far it grows.
#pragma once

#include "api/views.h"
#include "log.h"

namespace lama {

// lama_call, checked. Throws LAMA_INVALID_ARGUMENT.
struct MaskOptions {
  explicit MaskOptions(const lama_call &call);

  double threshold;
  bool invert;
  int grow;
  std::vector<lama_box> boxes;
  std::vector<lama_point> points;
};

// 1 in the hole. mask: LAMA_GREY of `size`, or NULL where boxes or points draw it. What looks wrong is told to the log,
// as lama_deploy/images/mask_notes.py has it. Throws LAMA_INVALID_ARGUMENT.
Hole hole_of(const ImageView *mask, const Size &size, const MaskOptions &options, const Log &log);

}  // namespace lama

// What looks wrong with a mask, in words: none of it is refused, since every mask is somebody's right one.
#pragma once

#include <optional>
#include <string>

#include "api/views.h"

namespace lama {

constexpr double MOST_HOLE = 0.95;  // of a picture, above which a hole is doubted

double share_of(const Hole &hole);

// The first thing that is odd, as lama_deploy/images/mask_notes.py finds it. drawn: whether boxes or points say too
// where the hole is, so that a mask without one is no news.
std::optional<std::string> doubt(const ImageView &mask, const Hole &hole, bool drawn);

}  // namespace lama

// A hole that grows by so many pixels in every direction: every pixel whose centre is at most `radius` away.
#pragma once

#include "pictures.h"

namespace lama {

constexpr int MOST_GROWTH = 1000;

// hole: 1 in the hole, 0 elsewhere. The algorithm of lama_deploy/images/grow.py, whose cost the content does not
// change.
void grow(Hole &hole, int radius);

}  // namespace lama

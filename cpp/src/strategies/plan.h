// Which windows of a picture a model is given: by its holes, its size, the engine and the memory that there is. As
// plan.py of lama_deploy, with its words.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "options.h"
#include "pictures.h"
#include "strategies/fillings.h"
#include "strategies/holes.h"

namespace lama {

enum class Kind { CROP, RESIZE, TILE };

enum class Why { SMALL, NO_GAIN, HOLES, LARGE, THIN, MEMORY, ENGINE, FITS, EMPTY, ASKED };

// How one hole is filled. window: what the model sees of the picture; size: what it is given, smaller for RESIZE, a
// tile's for TILE.
struct Step {
  Kind kind;
  Region hole;
  Window window;
  Size size;

  size_t runs() const;     // of the engine
  int64_t pixels() const;  // that the model computes
  std::unique_ptr<Filling> filling(Picture &canvas, const Hole &hole) const;
};

struct Plan {
  Size size;
  std::vector<Step> steps;  // none where the picture is taken whole, and where there is no hole
  Why why;

  // canvas: is filled as they run; hole: which the plan is for. All three outlive them.
  std::vector<std::unique_ptr<Filling>> fillings(Picture &canvas, const Hole &hole) const;

  size_t runs() const;          // windows of all steps, 0 for a picture without a hole
  std::string kinds() const;    // "crop", or "crop and tile"
  std::string text() const;     // one line without numbers, the same for all pictures of a kind
  std::string windows() const;  // what the model is given
};

Plan planned(const Hole &hole, const StrategyOptions &options, const Budget &budget);

}  // namespace lama

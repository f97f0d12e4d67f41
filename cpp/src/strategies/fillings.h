// How one hole is filled, in steps: each asks for a window to be run, and sets what comes back. As fillings.py of
// lama_deploy.
//
// So that windows of many holes and pictures can run as one batch, whoever drives them decides what runs when. A window
// shows the holes of others as holes, whether they are filled by then or not, so that this decides nothing else.
#pragma once

#include <memory>

#include "pictures.h"
#include "strategies/holes.h"

namespace lama {

// A window of somebody else's bytes.
struct Excerpt {
  const Bytes *bytes;
  Window place;

  // Row by row, without gaps.
  void copy_to(uint8_t *out) const;
  bool is_all() const { return place.size() == bytes->size(); }

  static Excerpt of(const Bytes &bytes) { return {&bytes, {0, 0, bytes.height, bytes.width}}; }
};

// What is to be run, as it is then. hole: of the same size as the image, nonzero = hole.
struct Request {
  Excerpt image, hole;

  Size size() const { return image.place.size(); }
};

class Filling {
 public:
  virtual ~Filling() = default;

  // The next window to run, valid until the next call; null at the end. answer: the last one filled, null at first.
  virtual const Request *next(const Picture *answer) = 0;
};

// The pictures, holes and regions that follow outlive the filling. canvas: is filled; hole: stays.
std::unique_ptr<Filling> fill_whole(Picture &canvas, const Hole &hole);

// As `fill_whole`, of one hole and what the window shows around it.
std::unique_ptr<Filling> fill_crop(Picture &canvas, const Hole &hole, const Region &one, const Window &window);

// As `fill_crop`, with the window made `size`; the fill is enlarged and gets the detail of what looks like it.
std::unique_ptr<Filling> fill_resized(Picture &canvas, const Hole &hole, const Region &one, const Window &window,
                                      const Size &size);

// In windows of `size`, those first that see the most; later ones see what is filled already.
std::unique_ptr<Filling> fill_tiles(Picture &canvas, const Hole &hole, const Region &one, const Size &size);

}  // namespace lama

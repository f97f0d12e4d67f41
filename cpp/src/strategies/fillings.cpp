#include "strategies/fillings.h"

#include <algorithm>

#include "strategies/detail.h"
#include "strategies/resample.h"
#include "strategies/tiling.h"

namespace lama {

namespace {

int64_t unknown_in(const Hole &left, const Window &window) {
  int64_t count = 0;
  for (int64_t y = window.top; y < window.bottom(); ++y) {
    const uint8_t *row = left.row(y) + window.left;
    for (int64_t x = 0; x < window.width; ++x) count += row[x] > 0;
  }
  return count;
}

// Sets what of a window is the hole's own. fill: of the window `seen`, which holds it.
void set(Picture &canvas, const Hole &hole, const Region &one, const Window &window, const Picture &fill,
         const Window &seen) {
  for (int64_t y = window.top; y < window.bottom(); ++y) {
    const uint8_t *holes = hole.row(y), *from = fill.row(y - seen.top);
    uint8_t *to = canvas.row(y);
    for (int64_t x = window.left; x < window.right(); ++x)
      if (holes[x] && one.owners->at(y / CELL, x / CELL) == one.index)
        std::copy_n(from + 3 * (x - seen.left), 3, to + 3 * x);
  }
}

class WholeFilling : public Filling {
 public:
  WholeFilling(Picture &canvas, const Hole &hole)
      : canvas_(canvas), hole_(hole), request_{Excerpt::of(canvas), Excerpt::of(hole)} {}

  const Request *next(const Picture *answer) override {
    if (!answer) return &request_;
    for (size_t i = 0; i < hole_.values.size(); ++i)
      if (hole_.values[i]) std::copy_n(&answer->values[3 * i], 3, &canvas_.values[3 * i]);
    return nullptr;
  }

 private:
  Picture &canvas_;
  const Hole &hole_;
  const Request request_;
};

class CropFilling : public Filling {
 public:
  CropFilling(Picture &canvas, const Hole &hole, const Region &one, const Window &window)
      : canvas_(canvas), hole_(hole), one_(one), window_(window), request_{{&canvas, window}, {&hole, window}} {}

  const Request *next(const Picture *answer) override {
    if (!answer) return &request_;
    set(canvas_, hole_, one_, window_, *answer, window_);
    return nullptr;
  }

 private:
  Picture &canvas_;
  const Hole &hole_;
  const Region &one_;
  const Window window_;
  const Request request_;
};

class ResizedFilling : public Filling {
 public:
  ResizedFilling(Picture &canvas, const Hole &hole, const Region &one, const Window &window, const Size &size)
      : canvas_(canvas), hole_(hole), one_(one), window_(window), size_(size) {}

  const Request *next(const Picture *answer) override {
    if (!answer) {
      small_ = shrunk(canvas_, hole_, window_, size_);
      request_ = {Excerpt::of(small_.image), Excerpt::of(small_.hole)};
      return &request_;
    }
    // Enlarging goes on smoothly from the known pixels into the hole, so that its edge is no seam.
    Picture fill = enlarged(*answer, window_.size());
    add_detail(fill, canvas_, hole_, window_, *answer, small_.hole);
    set(canvas_, hole_, one_, window_, fill, window_);
    return nullptr;
  }

 private:
  Picture &canvas_;
  const Hole &hole_;
  const Region &one_;
  const Window window_;
  const Size size_;
  Shrunk small_;
  Request request_{};
};

class TilesFilling : public Filling {
 public:
  TilesFilling(Picture &canvas, const Hole &hole, const Region &one, const Size &size)
      : canvas_(canvas), hole_(hole), one_(one) {
    std::vector<Window> windows;
    for (const Window &core : cores_of(one, size)) {
      tiles_.push_back({core, core.grown(size, hole.size()), 0});
      windows.push_back(tiles_.back().window);
    }
    region_ = Window::around(windows);
  }

  const Request *next(const Picture *answer) override {
    if (answer)
      fill(*answer);
    else
      begin();
    if (tiles_.empty()) return nullptr;
    running_ = std::min_element(tiles_.begin(), tiles_.end(),  // the first of equals
                                [](const Tile &a, const Tile &b) { return a.unknown < b.unknown; });
    request_ = {{&canvas_, running_->window}, {&left_, running_->window.within(region_)}};
    return &request_;
  }

 private:
  struct Tile {
    Window core, window;
    int64_t unknown;  // pixels that the window shows as holes
  };

  void begin() {
    left_ = Hole(region_.height, region_.width, 1);
    Excerpt{&hole_, region_}.copy_to(left_.values.data());
    for (Tile &tile : tiles_) tile.unknown = unknown_in(left_, tile.window.within(region_));
  }

  void fill(const Picture &answer) {
    const Tile tile = *running_;
    tiles_.erase(running_);
    set(canvas_, hole_, one_, tile.core, answer, tile.window);
    for (int64_t y = tile.core.top; y < tile.core.bottom(); ++y)
      for (int64_t x = tile.core.left; x < tile.core.right(); ++x)
        if (one_.owners->at(y / CELL, x / CELL) == one_.index) left_.row(y - region_.top)[x - region_.left] = 0;
    for (Tile &near : tiles_)
      if (near.window.meets(tile.core)) near.unknown = unknown_in(left_, near.window.within(region_));
  }

  Picture &canvas_;
  const Hole &hole_;
  const Region &one_;
  std::vector<Tile> tiles_;  // not yet filled
  std::vector<Tile>::iterator running_;
  Window region_;  // around all tiles
  Hole left_;      // of the region, what is a hole still
  Request request_{};
};

}  // namespace

void Excerpt::copy_to(uint8_t *out) const {
  const int64_t length = place.width * bytes->channels;
  for (int64_t y = place.top; y < place.bottom(); ++y, out += length)
    std::copy_n(bytes->row(y) + place.left * bytes->channels, length, out);
}

std::unique_ptr<Filling> fill_whole(Picture &canvas, const Hole &hole) {
  return std::make_unique<WholeFilling>(canvas, hole);
}

std::unique_ptr<Filling> fill_crop(Picture &canvas, const Hole &hole, const Region &one, const Window &window) {
  return std::make_unique<CropFilling>(canvas, hole, one, window);
}

std::unique_ptr<Filling> fill_resized(Picture &canvas, const Hole &hole, const Region &one, const Window &window,
                                      const Size &size) {
  return std::make_unique<ResizedFilling>(canvas, hole, one, window, size);
}

std::unique_ptr<Filling> fill_tiles(Picture &canvas, const Hole &hole, const Region &one, const Size &size) {
  return std::make_unique<TilesFilling>(canvas, hole, one, size);
}

}  // namespace lama

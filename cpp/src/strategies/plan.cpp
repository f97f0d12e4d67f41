#include "strategies/plan.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "strategies/tiling.h"

namespace lama {

namespace {

constexpr int64_t SMALL = 1 << 19;      // pixels: a picture up to this is taken whole, as official code does
constexpr double WORTH_CROPPING = 0.6;  // of a picture: windows that are more of it than this save little
constexpr int64_t THIN = 3;  // a hole that is so many times thinner than a window's side is filled at full resolution
constexpr int64_t STEP = 8;  // pixels: sides of what was made smaller are a multiple of it
constexpr double SHRINKING = 0.95;

const char *word(Kind kind) {
  return kind == Kind::CROP ? "crop" : kind == Kind::RESIZE ? "resize" : "tile";
}

const char *words(Why why) {
  switch (why) {
    case Why::SMALL:
      return "the picture is small";
    case Why::NO_GAIN:
      return "windows around the holes would be most of the picture";
    case Why::HOLES:
      return "the holes are small beside the picture";
    case Why::LARGE:
      return "a hole is too large for a window of the limit, so it is filled at a lower resolution";
    case Why::THIN:
      return "the holes are thin, or small and many, so that parts of them are filled one after the other";
    case Why::MEMORY:
      return "a window of the limit does not fit into memory or the engine";
    case Why::ENGINE:
      return "the engine takes nothing so large at once; export with a --profile or --size for such pictures to have "
             "them so";
    case Why::FITS:
      return "its longer side is within the limit already";
    case Why::EMPTY:
      return "there is no hole";
    case Why::ASKED:
      break;
  }
  return "it was asked for";
}

// Width before height, as people name sizes.
std::string size_words(const Size &size) {
  return std::to_string(size[1]) + "x" + std::to_string(size[0]);
}

bool has(const std::vector<Step> &steps, Kind kind) {
  return std::any_of(steps.begin(), steps.end(), [&](const Step &step) { return step.kind == kind; });
}

bool all_are(const std::vector<Step> &steps, Kind kind) {
  return std::all_of(steps.begin(), steps.end(), [&](const Step &step) { return step.kind == kind; });
}

int64_t stepped(double side) {
  return std::max(STEP, int64_t(side) / STEP * STEP);
}

// Of one picture with holes.
class Planner {
 public:
  Planner(const Hole &hole, const StrategyOptions &options, const Budget &budget)
      : hole_(hole), options_(options), budget_(budget), size_(hole.size()), picture_{0, 0, size_[0], size_[1]} {}

  Plan plan() const {
    const bool within = options_.strategy == LAMA_RESIZE && std::max(size_[0], size_[1]) <= options_.limit;
    if (options_.strategy == LAMA_WHOLE || within) return whole(within ? Why::FITS : Why::ASKED);
    if (options_.strategy == LAMA_RESIZE) return resized();
    if (options_.strategy == LAMA_CROP) return asked(Kind::CROP, &Planner::cropped);
    if (options_.strategy == LAMA_TILE) return asked(Kind::TILE, &Planner::tile);
    return chosen_freely();
  }

 private:
  using Make = Step (Planner::*)(Region) const;

  static bool none_is_large(const Window &, int64_t) { return false; }

  Plan whole(Why why) const {
    if (budget_.takes(size_)) return {size_, {}, why};
    return {size_, steps_of(find_holes(hole_, options_.margin, none_is_large), &Planner::tile), Why::ENGINE};
  }

  Plan resized() const {
    const auto cells = std::make_shared<const Cells>(cells_of(hole_));
    const Region everything{picture_, picture_, std::min(size_[0], size_[1]), options_.margin, cells, 1};
    return {size_, {{Kind::RESIZE, everything, picture_, fitted(size_)}}, Why::ASKED};
  }

  Plan asked(Kind kind, Make make) const {
    std::vector<Step> steps = steps_of(find_holes(hole_, options_.margin, none_is_large), make);
    const Why why = all_are(steps, kind) ? Why::ASKED : Why::ENGINE;
    return {size_, std::move(steps), why};
  }

  Plan chosen_freely() const {
    if (picture_.pixels() <= SMALL && budget_.holds(size_)) return {size_, {}, Why::SMALL};
    const auto is_large = [this](const Window &window, int64_t thickness) {
      return !(budget_.holds(budget_.rounded(window, size_).size()) || is_thin(thickness));
    };
    std::vector<Step> steps = steps_of(find_holes(hole_, options_.margin, is_large), &Planner::chosen);
    if (is_no_gain(steps)) return {size_, {}, Why::NO_GAIN};
    const Why why = why_of(steps);
    return {size_, std::move(steps), why};
  }

  std::vector<Step> steps_of(std::vector<Region> regions, Make make) const {
    std::vector<Step> steps;
    for (Region &one : regions) steps.push_back((this->*make)(std::move(one)));
    return steps;
  }

  Step chosen(Region one) const {
    Step step = crop(std::move(one));
    if (budget_.holds(step.size)) return step;
    if (is_thin(step.hole.thickness)) return tile(std::move(step.hole));
    const Window window = step.hole.window;
    return {Kind::RESIZE, std::move(step.hole), window, fitted(window.size())};
  }

  // At any limit and memory, but what the engine does not take is cut as LAMA_AUTO does it.
  Step cropped(Region one) const {
    Step step = crop(std::move(one));
    return budget_.takes(step.size) ? step : chosen(std::move(step.hole));
  }

  Step crop(Region one) const {
    const Window window = budget_.rounded(one.window, size_);
    return {Kind::CROP, std::move(one), window, window.size()};
  }

  Step tile(Region one) const {
    const Size most = budget_.tile();
    const Size size = best_size(one, {std::min(most[0], size_[0]), std::min(most[1], size_[1])});
    const Window window = one.window;
    return {Kind::TILE, std::move(one), window, size};
  }

  bool is_thin(int64_t thickness) const {
    const Size most = budget_.tile();
    return thickness * THIN <= std::min(most[0], most[1]);
  }

  // Whether the picture is taken whole in place of windows, because they would be as much, and it fits. A large picture
  // too, but for thick holes, which are filled better at a lower resolution.
  bool is_no_gain(const std::vector<Step> &steps) const {
    int64_t computed = 0;
    for (const Step &step : steps) computed += step.pixels();
    if (budget_.holds(size_)) return double(computed) > WORTH_CROPPING * double(picture_.pixels());
    const bool fits = budget_.takes(size_) && double(picture_.pixels()) <= budget_.pixels;
    return fits && computed > picture_.pixels() && !has(steps, Kind::RESIZE);
  }

  // The size, made as small as the budget wants it, with its proportions.
  Size fitted(const Size &size) const {
    const auto scaled = [&](double scale) {
      return Size{stepped(double(size[0]) * scale), stepped(double(size[1]) * scale)};
    };
    const double by_limit = double(budget_.limit) / double(std::max(size[0], size[1]));
    double scale = std::min({1.0, by_limit, std::sqrt(budget_.pixels / double(pixels_of(size)))});
    Size found = scaled(scale);
    while (!budget_.holds(found) && std::max(found[0], found[1]) > STEP) found = scaled(scale *= SHRINKING);
    return found;
  }

  Why why_of(const std::vector<Step> &steps) const {
    if (all_are(steps, Kind::CROP)) return Why::HOLES;
    if (!budget_.holds({budget_.limit, budget_.limit})) return Why::MEMORY;
    return has(steps, Kind::RESIZE) ? Why::LARGE : Why::THIN;
  }

  const Hole &hole_;
  const StrategyOptions &options_;
  const Budget &budget_;
  const Size size_;
  const Window picture_;
};

}  // namespace

size_t Step::runs() const {
  return kind == Kind::TILE ? cores_of(hole, size).size() : 1;
}

int64_t Step::pixels() const {
  return int64_t(runs()) * pixels_of(size);
}

std::unique_ptr<Filling> Step::filling(Picture &canvas, const Hole &holes) const {
  if (kind == Kind::RESIZE) return fill_resized(canvas, holes, hole, window, size);
  if (kind == Kind::TILE) return fill_tiles(canvas, holes, hole, size);
  return fill_crop(canvas, holes, hole, window);
}

std::vector<std::unique_ptr<Filling>> Plan::fillings(Picture &canvas, const Hole &hole) const {
  std::vector<std::unique_ptr<Filling>> found;
  if (steps.empty()) found.push_back(fill_whole(canvas, hole));
  for (const Step &step : steps) found.push_back(step.filling(canvas, hole));
  return found;
}

size_t Plan::runs() const {
  size_t count = steps.empty() && why != Why::EMPTY;
  for (const Step &step : steps) count += step.runs();
  return count;
}

std::string Plan::kinds() const {
  std::set<std::string> kinds;
  for (const Step &step : steps) kinds.insert(word(step.kind));
  std::string text;
  for (const std::string &kind : kinds) text += (text.empty() ? "" : " and ") + kind;
  return text.empty() ? "whole" : text;
}

std::string Plan::text() const {
  return "filled by " + kinds() + ", since " + words(why);
}

std::string Plan::windows() const {
  if (steps.empty()) return size_words(size);
  std::vector<std::pair<std::string, int64_t>> counts;  // in the order of the steps
  for (const Step &step : steps) {
    const std::string what = size_words(step.size) + " " + word(step.kind);
    const auto same = std::find_if(counts.begin(), counts.end(), [&](const auto &one) { return one.first == what; });
    if (same == counts.end())
      counts.emplace_back(what, 1);
    else
      ++same->second;
  }
  std::string text;
  for (const auto &[what, count] : counts) text += (text.empty() ? "" : ", ") + std::to_string(count) + " of " + what;
  return text + " in " + size_words(size);
}

Plan planned(const Hole &hole, const StrategyOptions &options, const Budget &budget) {
  return has_hole(hole) ? Planner(hole, options, budget).plan() : Plan{hole.size(), {}, Why::EMPTY};
}

}  // namespace lama

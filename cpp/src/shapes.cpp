#include "shapes.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace lama {

namespace {

int64_t runs_for(const ShapeRange &range, const Shape &shape) {
  int64_t runs = 1;
  for (size_t i = 0; i < shape.size(); ++i) runs *= (shape[i] + range.largest[i] - 1) / range.largest[i];
  return runs;
}

std::string words(const Shape &shape) {
  const std::string size = std::to_string(shape[1]) + "x" + std::to_string(shape[2]);
  return shape[0] > 1 ? size + " (batch of " + std::to_string(shape[0]) + ")" : size;
}

}  // namespace

Shape ShapeRange::nearest(const Shape &shape) const {
  Shape found;
  for (size_t i = 0; i < shape.size(); ++i) found[i] = std::min(std::max(least[i], shape[i]), largest[i]);
  return found;
}

Fitting fitting(const std::vector<ShapeRange> &ranges, const Shape &shape) {
  std::optional<size_t> whole;
  size_t best = 0;
  const auto cost = [&](size_t i) {
    return std::make_tuple(runs_for(ranges[i], shape), pixels_of(ranges[i].nearest(shape)));
  };
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].nearest(shape) == shape &&
        (!whole || pixels_of(ranges[i].largest) < pixels_of(ranges[*whole].largest)))
      whole = i;
    if (cost(i) < cost(best)) best = i;
  }
  if (whole) return {*whole, shape};
  return {best, ranges[best].nearest(shape)};
}

std::string described(const std::vector<ShapeRange> &ranges) {
  std::string text;
  for (const ShapeRange &range : ranges)
    text += (text.empty() ? "" : ", ") + words(range.least) + " to " + words(range.largest);
  return text;
}

}  // namespace lama

#include "strategies/windows.h"

#include <algorithm>
#include <cmath>

namespace lama {

namespace {

int64_t up(int64_t side) {
  return divided_up(side, BUCKET) * BUCKET;
}

struct Span {
  int64_t start, length;
};

Span grown_span(int64_t start, int64_t length, int64_t wanted, int64_t whole) {
  wanted = std::min(std::max(length, wanted), whole);
  start -= (wanted - length) / 2;
  return {std::min(std::max<int64_t>(0, start), whole - wanted), wanted};
}

}  // namespace

Window Window::around(const std::vector<Window> &windows) {
  int64_t top = windows[0].top, left = windows[0].left, bottom = windows[0].bottom(), right = windows[0].right();
  for (const Window &one : windows) {
    top = std::min(top, one.top), left = std::min(left, one.left);
    bottom = std::max(bottom, one.bottom()), right = std::max(right, one.right());
  }
  return {top, left, bottom - top, right - left};
}

bool Window::meets(const Window &other) const {
  return top < other.bottom() && other.top < bottom() && left < other.right() && other.left < right();
}

Window Window::grown(const Size &size, const Size &picture) const {
  const Span rows = grown_span(top, height, size[0], picture[0]);
  const Span columns = grown_span(left, width, size[1], picture[1]);
  return {rows.start, columns.start, rows.length, columns.length};
}

Window Budget::rounded(const Window &window, const Size &picture) const {
  const Size most = tile();
  const int64_t height = up(std::max(window.height, std::min(capabilities.window, most[0])));
  const int64_t width = up(std::max(window.width, std::min(capabilities.window, most[1])));
  return window.grown(best({height, width}), picture);
}

bool Budget::holds(const Size &size) const {
  return takes(size) && double(pixels_of(size)) <= most();
}

bool Budget::takes(const Size &size) const {
  const Shape part = capabilities.part_for({1, size[0], size[1]});
  return part[0] >= 1 && part[1] >= size[0] && part[2] >= size[1];
}

Size Budget::tile() const {
  const int64_t side = std::max(BUCKET, int64_t(std::min(double(limit), std::sqrt(most()))) / BUCKET * BUCKET);
  const Shape part = capabilities.part_for({1, side, side});
  return {std::min(side, part[1]), std::min(side, part[2])};
}

double Budget::most() const {
  return std::min(pixels, double(limit) * double(limit));
}

Size Budget::best(const Size &size) const {
  // The engine's own shape, which is prepared already, for windows that fill at least three quarters of it.
  for (const ShapeRange &one : capabilities.shapes) {
    const Size best{one.best[1], one.best[2]};
    if (size[0] <= best[0] && size[1] <= best[1] && 4 * pixels_of(size) >= 3 * pixels_of(best)) return best;
  }
  const Shape nearest = capabilities.part_for({1, size[0], size[1]});
  return {std::max(size[0], nearest[1]), std::max(size[1], nearest[2])};
}

}  // namespace lama

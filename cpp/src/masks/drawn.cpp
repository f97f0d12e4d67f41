#include "masks/drawn.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <initializer_list>

#include "errors.h"

namespace lama {

namespace {

constexpr double MOST = 1e9;  // of any number

// "the box 1,2,3,4"
std::string words(const char *what, std::initializer_list<double> numbers) {
  std::string text = std::string("the ") + what, gap = " ";
  for (double number : numbers) {
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.9g", number);
    text += gap + digits;
    gap = ",";
  }
  return text;
}

std::string picture(const Hole &hole) {
  return std::to_string(hole.width) + "x" + std::to_string(hole.height);
}

void check_numbers(const char *what, std::initializer_list<double> numbers) {
  for (double number : numbers)
    if (!std::isfinite(number) || std::fabs(number) > MOST)
      throw Error(LAMA_INVALID_ARGUMENT,
                  words(what, numbers) + " has a number that is infinite, none or too large; allowed: -1e9 to 1e9");
}

[[noreturn]] void outside(const std::string &what, const Hole &hole) {
  throw Error(LAMA_INVALID_ARGUMENT, what + " is outside of the picture, which is " + picture(hole));
}

struct Span {
  int64_t first, end;
};

// The smallest integer that is not below the exact sum, which a double may have rounded.
int64_t ceiling_of_sum(double a, double b) {
  const double sum = a + b, part = sum - a, error = (a - (sum - part)) + (b - part);
  return int64_t(std::ceil(sum)) + (sum == std::ceil(sum) && error > 0 ? 1 : 0);
}

Span touched(double start, double length) {
  return {int64_t(std::floor(start)), ceiling_of_sum(start, length)};
}

Span inside(const Span &span, int64_t side) {
  return {std::max<int64_t>(0, span.first), std::min(side, std::max<int64_t>(0, span.end))};
}

Span around(double middle, double radius, int64_t side) {
  const int64_t first = std::min(std::max<int64_t>(0, int64_t(std::ceil(middle - radius))), side);
  return {first, std::max(first, std::min(side, int64_t(std::floor(middle + radius)) + 1))};
}

}  // namespace

bool draw(Hole &hole, const lama_box &box) {
  const std::string what = words("box", {box.x, box.y, box.width, box.height});
  check_numbers("box", {box.x, box.y, box.width, box.height});
  if (box.width <= 0 || box.height <= 0)
    throw Error(LAMA_INVALID_ARGUMENT, what + " has no width or no height in a picture of " + picture(hole));
  const Span across = touched(box.x, box.width), down = touched(box.y, box.height);
  const Span columns = inside(across, hole.width), rows = inside(down, hole.height);
  if (columns.first >= columns.end || rows.first >= rows.end) outside(what, hole);
  for (int64_t y = rows.first; y < rows.end; ++y)
    std::fill(hole.row(y) + columns.first, hole.row(y) + columns.end, uint8_t(1));
  return across.first < 0 || down.first < 0 || across.end > hole.width || down.end > hole.height;
}

bool draw(Hole &hole, const lama_point &point) {
  const std::string what = words("point", {point.x, point.y, point.radius});
  check_numbers("point", {point.x, point.y, point.radius});
  if (point.radius < 0)
    throw Error(LAMA_INVALID_ARGUMENT, what + " has a radius below 0 in a picture of " + picture(hole));
  const double x = point.x, y = point.y, radius = point.radius;
  const Span columns = around(x, radius, hole.width), rows = around(y, radius, hole.height);
  bool any = false;
  for (int64_t row = rows.first; row < rows.end; ++row)
    for (int64_t column = columns.first; column < columns.end; ++column) {
      const double down = double(row) - y, across = double(column) - x;
      if (down * down + across * across > radius * radius) continue;
      hole.row(row)[column] = 1;
      any = true;
    }
  if (!any) outside(what, hole);
  return x - radius < -0.5 || y - radius < -0.5 || x + radius > double(hole.width) - 0.5 ||
         y + radius > double(hole.height) - 0.5;
}

}  // namespace lama

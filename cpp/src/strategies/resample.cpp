#include "strategies/resample.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace lama {

namespace {

constexpr int KNOWN_ENOUGH = 192;   // of 255 parts of a small pixel that are known, for it to be known
constexpr int PRECISION = 22;       // bits of a weight: those of a byte and two for what weights below 0 add go beside
constexpr float HAMMING_A = 0.54f;  // single precision, as Pillow has them
constexpr float HAMMING_B = 0.46f;
constexpr double PI = 3.14159265358979323846;
constexpr double BICUBIC_A = -0.5;

double hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= PI;
  return std::sin(x) / x * (HAMMING_A + HAMMING_B * std::cos(x));
}

double bicubic(double x) {
  x = std::abs(x);
  if (x < 1.0) return ((BICUBIC_A + 2.0) * x - (BICUBIC_A + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * BICUBIC_A;
  return 0.0;
}

struct Filter {
  double (*weight)(double);
  double support;
};

constexpr Filter HAMMING{hamming, 1.0};
constexpr Filter BICUBIC{bicubic, 2.0};

// What a pixel is made of: of so many of the old ones from `start` on.
struct Part {
  int64_t start;
  std::vector<int32_t> weights;
};

Part part_of(int64_t from, double scale, const Filter &filter, int64_t index) {
  const double wider = std::max(scale, 1.0), support = filter.support * wider, inverse = 1.0 / wider;
  const double middle = (double(index) + 0.5) * scale;
  const int64_t first = std::max<int64_t>(0, int64_t(middle - support + 0.5));
  const int64_t last = std::min(from, int64_t(middle + support + 0.5));
  std::vector<double> weights;
  double sum = 0;
  for (int64_t x = 0; x < last - first; ++x) {
    weights.push_back(filter.weight((double(x + first) - middle + 0.5) * inverse));
    sum += weights.back();
  }
  Part part{first, {}};
  for (double weight : weights) {
    if (sum != 0.0) weight /= sum;
    const double scaled = weight * (1 << PRECISION);
    part.weights.push_back(int32_t(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
  }
  return part;
}

std::vector<Part> parts_of(int64_t from, int64_t to, const Filter &filter) {
  std::vector<Part> parts;
  const double scale = double(from) / double(to);
  for (int64_t i = 0; i < to; ++i) parts.push_back(part_of(from, scale, filter, i));
  return parts;
}

uint8_t rounded(int32_t sum) {
  return uint8_t(std::clamp(sum >> PRECISION, 0, 255));
}

// One row of pixels of so many bytes.
template <int Channels>
void resize_row(const uint8_t *row, const std::vector<Part> &parts, uint8_t *out) {
  for (const Part &part : parts) {
    int32_t sums[Channels];
    std::fill_n(sums, Channels, 1 << (PRECISION - 1));
    const uint8_t *pixel = row + part.start * Channels;
    for (const int32_t weight : part.weights)
      for (int c = 0; c < Channels; ++c) sums[c] += *pixel++ * weight;
    for (const int32_t sum : sums) *out++ = rounded(sum);
  }
}

Bytes resize_rows(const Bytes &image, int64_t height, const Filter &filter) {
  if (height == image.height) return image;
  Bytes out(height, image.width, image.channels);
  const size_t count = size_t(image.width * image.channels);
  std::vector<int32_t> sums(count);
  const std::vector<Part> parts = parts_of(image.height, height, filter);
  for (int64_t y = 0; y < height; ++y) {
    const Part &part = parts[size_t(y)];
    std::fill(sums.begin(), sums.end(), 1 << (PRECISION - 1));
    for (size_t k = 0; k < part.weights.size(); ++k) {
      const uint8_t *row = image.row(part.start + int64_t(k));
      const int32_t weight = part.weights[k];
      for (size_t i = 0; i < count; ++i) sums[i] += row[i] * weight;
    }
    std::transform(sums.begin(), sums.end(), out.row(y), rounded);
  }
  return out;
}

// Rows are made narrower one by one, so that nothing of the picture's size but the picture is in memory. row_of: of
// `width` pixels, by its index.
template <int Channels>
Bytes resized(const std::function<const uint8_t *(int64_t)> &row_of, const Size &from, const Size &to,
              const Filter &filter) {
  Bytes narrow(from[0], to[1], Channels);
  const std::vector<Part> parts = from[1] == to[1] ? std::vector<Part>{} : parts_of(from[1], to[1], filter);
  for (int64_t y = 0; y < from[0]; ++y) {
    if (parts.empty())
      std::copy_n(row_of(y), from[1] * Channels, narrow.row(y));
    else
      resize_row<Channels>(row_of(y), parts, narrow.row(y));
  }
  return resize_rows(narrow, to[0], filter);
}

// Colours were multiplied by how much of a pixel is known.
uint8_t divided(uint8_t colour, uint8_t known) {
  return known == 0 || known == 255 ? colour : uint8_t(std::min(255, 255 * colour / known));
}

}  // namespace

Shrunk shrunk(const Picture &image, const Hole &hole, const Window &window, const Size &size) {
  std::vector<uint8_t> row(size_t(4 * window.width));
  const auto row_of = [&](int64_t y) -> const uint8_t * {
    const uint8_t *pixel = image.row(window.top + y) + 3 * window.left;
    const uint8_t *holes = hole.row(window.top + y) + window.left;
    for (int64_t x = 0; x < window.width; ++x) {
      const uint8_t known = holes[x] ? 0 : 255;
      for (int64_t c = 0; c < 3; ++c) row[size_t(4 * x + c)] = pixel[3 * x + c] & known;
      row[size_t(4 * x + 3)] = known;
    }
    return row.data();
  };
  const Bytes layers = resized<4>(row_of, window.size(), size, HAMMING);
  Shrunk small{Picture(size[0], size[1], 3), Hole(size[0], size[1], 1)};
  for (size_t i = 0; i < small.hole.values.size(); ++i) {
    const uint8_t *pixel = &layers.values[4 * i];
    for (size_t c = 0; c < 3; ++c) small.image.values[3 * i + c] = divided(pixel[c], pixel[3]);
    small.hole.values[i] = pixel[3] < KNOWN_ENOUGH;
  }
  return small;
}

Picture enlarged(const Picture &small, const Size &size) {
  if (size == small.size()) return small;
  return resized<3>([&](int64_t y) { return small.row(y); }, small.size(), size, BICUBIC);
}

}  // namespace lama

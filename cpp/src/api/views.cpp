#include "api/views.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace lama {

namespace {

// Where the channels of a format lie.
struct Layout {
  int64_t pixel, red, green, blue;
};

Layout layout_of(lama_format format, const std::string &name) {
  switch (format) {
    case LAMA_GREY:
      return {1, 0, 0, 0};
    case LAMA_RGB:
      return {3, 0, 1, 2};
    case LAMA_BGR:
      return {3, 2, 1, 0};
    case LAMA_RGBA:
      return {4, 0, 1, 2};
    case LAMA_BGRA:
      return {4, 2, 1, 0};
  }
  throw Error(LAMA_INVALID_ARGUMENT, name + " has the format " + std::to_string(int(format)) +
                                         "; allowed: LAMA_GREY, LAMA_RGB, LAMA_BGR, LAMA_RGBA, LAMA_BGRA");
}

// ITU-R 601 with the integers of PIL, so that grey stays what it is.
uint8_t luminance(const uint8_t *rgb) {
  return uint8_t((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

void write_pixel(const uint8_t *rgb, const Layout &layout, uint8_t *to) {
  if (layout.pixel == 1) {
    *to = luminance(rgb);
    return;
  }
  to[layout.red] = rgb[0];
  to[layout.green] = rgb[1];
  to[layout.blue] = rgb[2];
}

// Whether a row has no hole: each byte is 0 as the first is.
bool is_known(const uint8_t *row, int64_t width) {
  return row[0] == 0 && std::memcmp(row, row + 1, size_t(width - 1)) == 0;
}

bool share_a_byte(const ImageView &a, const ImageView &b) {
  int64_t y = 0, z = 0;  // rows of both in the order of their addresses
  while (y < a.height && z < b.height) {
    const uint8_t *one = a.row(y), *other = b.row(z);
    const uint8_t *one_end = one + a.width * a.pixel, *other_end = other + b.width * b.pixel;
    if (one < other_end && other < one_end) return true;
    (one_end <= other ? y : z) += 1;
  }
  return false;
}

const uint8_t *end_of(const ImageView &view) {
  return view.row(view.height - 1) + view.width * view.pixel;
}

struct Place {
  const ImageView *view;
  bool is_output;
  size_t index;
};

bool is_in_place(const Place &a, const Place &b) {
  return a.index == b.index && a.view->pixel == b.view->pixel && a.view->same_place(*b.view);
}

void check_pair(const Place &a, const Place &b, const std::vector<ImageView> &images) {
  if (!a.is_output && !b.is_output) return;
  const Place &output = a.is_output ? a : b, &other = a.is_output ? b : a;
  const bool is_image = !other.is_output && other.view == &images[other.index];
  if (is_image && is_in_place(output, other)) return;
  if (share_a_byte(*a.view, *b.view))
    throw Error(LAMA_INVALID_ARGUMENT, output.view->name + " and " + other.view->name +
                                           " share memory; give a buffer of its own, or the image itself with the "
                                           "same stride");
}

}  // namespace

ImageView::ImageView(const lama_image *image, const std::string &name) : name(name) {
  if (image == nullptr || image->data == nullptr)
    throw Error(LAMA_INVALID_ARGUMENT, name + " is NULL; give its pixels");
  data = static_cast<uint8_t *>(image->data);
  height = image->height, width = image->width, stride = image->stride, format = image->format;
  pixel = layout_of(format, name).pixel;
  if (width < 1 || height < 1 || width > LAMA_MOST_SIDE || height > LAMA_MOST_SIDE || width * height > MOST_PIXELS)
    throw Error(LAMA_INVALID_ARGUMENT, name + " is " + words(size()) + "; allowed: 1 to " +
                                           std::to_string(LAMA_MOST_SIDE) + " a side and " +
                                           std::to_string(MOST_PIXELS) + " pixels");
  if (stride < width * pixel)
    throw Error(LAMA_INVALID_ARGUMENT, name + " has rows " + std::to_string(stride) + " bytes apart, and " +
                                           std::to_string(width) + " pixels take " + std::to_string(width * pixel) +
                                           "; give at least so many, from the top row down");
  const uint64_t most = std::numeric_limits<uintptr_t>::max() - reinterpret_cast<uintptr_t>(data);
  if (uint64_t(stride) > (std::min<uint64_t>(most, INT64_MAX) - uint64_t(width * pixel)) / uint64_t(height))
    throw Error(LAMA_INVALID_ARGUMENT,
                name + " has rows " + std::to_string(stride) + " bytes apart, which reaches beyond all memory");
}

bool ImageView::same_place(const ImageView &other) const {
  return data == other.data && stride == other.stride && height == other.height && width == other.width;
}

void check_outputs(const std::vector<ImageView> &images, const std::vector<ImageView> &masks,
                   const std::vector<ImageView> &outputs) {
  std::vector<Place> places;
  for (size_t i = 0; i < images.size(); ++i) {
    if (outputs[i].size() != images[i].size() || outputs[i].format != images[i].format)
      throw Error(LAMA_INVALID_ARGUMENT, outputs[i].name + " is " + words(outputs[i].size()) + " of " +
                                             std::to_string(outputs[i].pixel) + " bytes, " + images[i].name + " " +
                                             words(images[i].size()) + " of " + std::to_string(images[i].pixel) +
                                             "; both must have the same size and format");
    places.push_back({&images[i], false, i});
    places.push_back({&outputs[i], true, i});
    if (!masks.empty()) places.push_back({&masks[i], false, i});
  }
  std::sort(places.begin(), places.end(), [](const Place &a, const Place &b) { return a.view->data < b.view->data; });
  std::vector<Place> open;  // begun before, and not yet ended
  for (const Place &place : places) {
    open.erase(std::remove_if(open.begin(), open.end(),
                              [&](const Place &one) { return end_of(*one.view) <= place.view->data; }),
               open.end());
    for (const Place &one : open) check_pair(one, place, images);
    open.push_back(place);
  }
}

Picture picture_of(const ImageView &view) {
  Picture picture;
  picture.height = view.height, picture.width = view.width, picture.channels = 3;
  picture.values.reserve(size_t(3 * view.width * view.height));  // in place of zeros that would be written over
  const Layout layout = layout_of(view.format, view.name);
  for (int64_t y = 0; y < view.height; ++y) {
    const uint8_t *from = view.row(y), *end = from + view.width * layout.pixel;
    if (view.format == LAMA_RGB) {
      picture.values.insert(picture.values.end(), from, end);
      continue;
    }
    for (; from < end; from += layout.pixel)
      picture.values.insert(picture.values.end(), {from[layout.red], from[layout.green], from[layout.blue]});
  }
  return picture;
}

void write(const Picture &filled, const Hole &hole, const ImageView &image, ImageView &output) {
  const Layout layout = layout_of(image.format, image.name);
  for (int64_t y = 0; y < image.height; ++y) {
    if (!image.same_place(output)) std::memcpy(output.row(y), image.row(y), size_t(image.width * image.pixel));
    const uint8_t *inside = hole.row(y);
    if (is_known(inside, image.width)) continue;
    const uint8_t *from = filled.row(y);
    uint8_t *to = output.row(y);
    for (int64_t x = 0; x < image.width; ++x, from += 3, to += layout.pixel)
      if (inside[x]) write_pixel(from, layout, to);
  }
}

std::string words(const Size &size) {
  return std::to_string(size[1]) + "x" + std::to_string(size[0]);
}

}  // namespace lama

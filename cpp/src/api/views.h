// The caller's pixels: checked, read into ours, written back.
#pragma once

#include <string>
#include <vector>

#include "errors.h"
#include "pictures.h"

namespace lama {

constexpr int64_t MOST_PIXELS = int64_t(1)
                                << 31;  // of all pictures of a call: a view may claim any number without having one

// A view that has been found to be one. name: for lines, such as "the mask".
struct ImageView {
  ImageView(const lama_image *image, const std::string &name);

  const uint8_t *row(int64_t y) const { return data + y * stride; }
  uint8_t *row(int64_t y) { return data + y * stride; }
  Size size() const { return {height, width}; }
  bool same_place(const ImageView &other) const;  // and the same rows

  std::string name;
  uint8_t *data;
  int64_t height, width, stride, pixel;  // pixel: bytes
  lama_format format;
};

// Throws LAMA_INVALID_ARGUMENT for an output that shares a byte with any other view, but the image of the same index
// where it is that image, and for outputs of another size or format than their images.
void check_outputs(const std::vector<ImageView> &images, const std::vector<ImageView> &masks,
                   const std::vector<ImageView> &outputs);

// RGB, whatever the format; alpha is left out.
Picture picture_of(const ImageView &view);

// The filled pixels where the hole is, the image's elsewhere: grey as luminance, alpha as it was.
void write(const Picture &filled, const Hole &hole, const ImageView &image, ImageView &output);

// Such as "640x480".
std::string words(const Size &size);

}  // namespace lama

// PNG and JPEG files as pixels, by libpng and libjpeg.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

// Rows of width x channels bytes without padding: 1 grey, 3 RGB, 4 RGBA.
struct PictureFile {
  int width = 0, height = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
};

// What the file's bytes are, told by themselves. channels: to convert to. Throws std::runtime_error with one line.
PictureFile decoded(const std::vector<std::uint8_t> &file, int channels);
std::vector<std::uint8_t> encoded_png(const PictureFile &picture);

PictureFile read_picture(const std::string &path, int channels);
// JPEG of quality 95 where the name ends so, else PNG.
void write_picture(const std::string &path, const PictureFile &picture);

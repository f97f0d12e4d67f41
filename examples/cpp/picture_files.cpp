#include "picture_files.h"

#include <jpeglib.h>
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace {

using Bytes = std::vector<std::uint8_t>;

png_uint_32 png_format(int channels) {
  return channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
}

PictureFile from_png(const Bytes &file, int channels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&image, file.data(), file.size())) throw std::runtime_error(image.message);
  image.format = png_format(channels);
  PictureFile picture{int(image.width), int(image.height), channels, Bytes(PNG_IMAGE_SIZE(image))};
  const png_color black{};  // what is transparent has where no alpha is asked for
  if (!png_image_finish_read(&image, &black, picture.pixels.data(), 0, nullptr)) {
    png_image_free(&image);
    throw std::runtime_error(image.message);
  }
  return picture;
}

// libjpeg ends the process by default; its errors come back as exceptions instead.
struct JpegErrors : jpeg_error_mgr {
  std::jmp_buf back;
  char line[JMSG_LENGTH_MAX];
};

JpegErrors *catching(JpegErrors &errors) {
  jpeg_std_error(&errors);
  errors.error_exit = [](j_common_ptr info) {
    auto *own = static_cast<JpegErrors *>(info->err);
    own->format_message(info, own->line);
    std::longjmp(own->back, 1);
  };
  errors.output_message = [](j_common_ptr) {};
  return &errors;
}

PictureFile from_jpeg(const Bytes &file, int channels) {
  jpeg_decompress_struct info{};
  JpegErrors errors;
  PictureFile picture;
  info.err = catching(errors);
  if (setjmp(errors.back)) {
    jpeg_destroy_decompress(&info);
    throw std::runtime_error(errors.line);
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, file.data(), file.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&info);
  picture.width = int(info.output_width), picture.height = int(info.output_height), picture.channels = channels;
  picture.pixels.resize(std::size_t(picture.width) * picture.height * channels);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = picture.pixels.data() + std::size_t(info.output_scanline) * picture.width * channels;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return picture;
}

Bytes encoded_jpeg(const PictureFile &picture) {
  jpeg_compress_struct info{};
  JpegErrors errors;
  unsigned char *memory = nullptr;
  unsigned long size = 0;
  info.err = catching(errors);
  if (setjmp(errors.back)) {
    jpeg_destroy_compress(&info);
    std::free(memory);
    throw std::runtime_error(errors.line);
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = picture.width, info.image_height = picture.height, info.input_components = picture.channels;
  info.in_color_space = picture.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto *row = const_cast<JSAMPROW>(picture.pixels.data()) +
                std::size_t(info.next_scanline) * picture.width * picture.channels;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  Bytes file(memory, memory + size);
  std::free(memory);
  return file;
}

bool ends_with(const std::string &text, const std::string &end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

PictureFile decoded(const Bytes &file, int channels) {
  if (file.size() > 8 && file[0] == 0x89 && file[1] == 'P') return from_png(file, channels);
  const bool is_jpeg = file.size() > 8 && file[0] == 0xff && file[1] == 0xd8;
  if (is_jpeg && channels == 4) throw std::runtime_error("a JPEG has no transparency");
  if (is_jpeg) return from_jpeg(file, channels);
  throw std::runtime_error("neither PNG nor JPEG");
}

Bytes encoded_png(const PictureFile &picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = picture.width, image.height = picture.height, image.format = png_format(picture.channels);
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  Bytes file(size);
  if (!png_image_write_to_memory(&image, file.data(), &size, 0, picture.pixels.data(), 0, nullptr))
    throw std::runtime_error(image.message);
  file.resize(size);
  return file;
}

PictureFile read_picture(const std::string &path, int channels) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error(path + ": cannot be read");
  const Bytes file{std::istreambuf_iterator<char>(stream), {}};
  try {
    return decoded(file, channels);
  } catch (const std::exception &error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

void write_picture(const std::string &path, const PictureFile &picture) {
  const Bytes file = ends_with(path, ".jpg") || ends_with(path, ".jpeg") ? encoded_jpeg(picture) : encoded_png(picture);
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char *>(file.data()), std::streamsize(file.size()));
  stream.close();
  if (!stream) throw std::runtime_error(path + ": cannot be written");
}

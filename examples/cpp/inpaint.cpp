// Fills pictures, one or a folder of them: inpaint BUNDLE PICTURE MASK RESULT | inpaint BUNDLE PICTURES MASKS RESULTS
//
// In folders a picture and its mask have the same name but for the suffix, and the result has the picture's.
#include <filesystem>
#include <iostream>
#include <lama/inpainter.hpp>

#include "picture_files.h"

namespace fs = std::filesystem;

namespace {

void fill(lama::Inpainter &inpainter, const fs::path &from, const fs::path &mask_file, const fs::path &to) {
  PictureFile picture = read_picture(from, 3);
  const PictureFile mask = read_picture(mask_file, 1);
  const lama_image image = lama::rgb(picture.pixels.data(), picture.width, picture.height);
  inpainter.inpaint(image, lama::mask(mask.pixels.data(), mask.width, mask.height), image);
  write_picture(to, picture);
}

fs::path mask_of(const fs::path &picture, const fs::path &masks) {
  for (const char *suffix : {".png", ".jpg", ".jpeg"}) {
    const fs::path file = masks / picture.stem().concat(suffix);
    if (fs::exists(file)) return file;
  }
  throw std::runtime_error("has no mask in " + masks.string());
}

// How many failed, each of which is told.
int fill_folder(lama::Inpainter &inpainter, const fs::path &pictures, const fs::path &masks, const fs::path &results) {
  int failed = 0;
  fs::create_directories(results);
  for (const fs::directory_entry &entry : fs::directory_iterator(pictures)) {
    try {
      fill(inpainter, entry.path(), mask_of(entry.path(), masks), results / entry.path().filename());
    } catch (const std::exception &error) {
      std::cerr << "error: " << entry.path().string() << ": " << error.what() << "\n";
      ++failed;
    }
  }
  return failed;
}

}  // namespace

int main(int count, char **words) try {
  if (count != 5) {
    std::cerr << "usage: inpaint BUNDLE PICTURE MASK RESULT, or the same with folders\n";
    return 2;
  }
  lama::Options options;
  options.log = [](lama_log_level, const char *line) { std::cerr << "note: " << line << "\n"; };
  lama::Inpainter inpainter(words[1], options);
  if (fs::is_directory(words[2])) return fill_folder(inpainter, words[2], words[3], words[4]) ? 3 : 0;
  fill(inpainter, words[2], words[3], words[4]);
  return 0;
} catch (const std::exception &error) {
  std::cerr << "error: " << error.what() << "\n";
  return 2;
}

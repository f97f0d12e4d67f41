#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "engines/openvino_files.h"
#include "errors.h"

namespace lama {

namespace {

namespace fs = std::filesystem;

constexpr char PREFIX[] = "lama-";    // of folders in a cache, which may be one that other things are kept in
constexpr char COMPILED[] = ".blob";  // suffix of what OpenVINO writes there
constexpr size_t KEPT = 8;            // models whose compiled forms stay: each takes about as much disk as its weights
constexpr size_t DIGITS = 32;

// By its name, and holding nothing but what OpenVINO writes. Throws fs::filesystem_error.
bool is_ours(const fs::path &folder) {
  const std::string name = folder.filename().string();
  const size_t prefix = sizeof(PREFIX) - 1;
  if (name.size() != prefix + DIGITS || name.compare(0, prefix, PREFIX) != 0 ||
      name.find_first_not_of("0123456789abcdef", prefix) != std::string::npos || fs::is_symlink(folder) ||
      !fs::is_directory(folder))
    return false;
  return std::all_of(fs::directory_iterator(folder), fs::directory_iterator(), [](const fs::directory_entry &file) {
    return file.path().extension() == COMPILED && fs::is_regular_file(file.symlink_status());
  });
}

void forget(const fs::path &folder) {
  std::error_code ignored;
  for (const fs::directory_entry &file : fs::directory_iterator(folder, ignored))
    if (file.path().extension() == COMPILED) fs::remove(file.path(), ignored);
  fs::remove(folder, ignored);
}

// Other processes may be using or removing the same; what a person keeps in this folder stays.
void forget_oldest(const fs::path &used) {
  std::vector<std::pair<fs::file_time_type, fs::path>> ages;
  std::error_code ignored;
  for (const fs::directory_entry &entry : fs::directory_iterator(used.parent_path(), ignored)) try {
      if (entry.path() != used && is_ours(entry.path())) ages.emplace_back(entry.last_write_time(), entry.path());
    } catch (const fs::filesystem_error &) {  // it is gone already, or nobody may look into it
    }
  std::sort(ages.begin(), ages.end());
  for (size_t i = 0; i + (KEPT - 1) < ages.size(); ++i) forget(ages[i].second);
}

}  // namespace

std::string cache_folder(const std::string &cache, const std::string &digest) {
  const fs::path folder = fs::path(cache) / (PREFIX + digest.substr(0, DIGITS));
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && utimensat(AT_FDCWD, folder.c_str(), nullptr, 0) != 0)  // used last
    error.assign(errno, std::generic_category());
  if (error)
    throw Error(LAMA_INVALID_ARGUMENT,
                brief(cache) + ": cannot be a cache (" + brief(error.message()) + "); give a folder, or none");
  forget_oldest(folder);
  return folder.string();
}

}  // namespace lama

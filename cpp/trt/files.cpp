#include "files.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "errors.h"

namespace lama {

namespace {

mode_t kind_of(const std::string &path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 ? found.st_mode & S_IFMT : 0;
}

struct Closing {
  void operator()(FILE *file) const { std::fclose(file); }
};

}  // namespace

bool is_folder(const std::string &path) {
  return kind_of(path) == S_IFDIR;
}
bool is_file(const std::string &path) {
  return kind_of(path) == S_IFREG;
}

std::string folder_of(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string path_of(const void *symbol) {
  Dl_info found;
  return dladdr(symbol, &found) && found.dli_fname ? found.dli_fname : "";
}

std::vector<char> read_file(const std::string &path) {
  const std::unique_ptr<FILE, Closing> file(std::fopen(path.c_str(), "rb"));
  std::vector<char> content;
  struct stat found;
  bool good = file && fstat(fileno(file.get()), &found) == 0 && S_ISREG(found.st_mode);
  if (good) {
    content.resize(size_t(found.st_size));
    good = std::fread(content.data(), 1, content.size(), file.get()) == content.size();
  }
  if (!good)
    throw Error(LAMA_BAD_BUNDLE,
                brief(path) + " cannot be read (" + std::strerror(errno) + "); allow it, or copy the bundle again");
  return content;
}

}  // namespace lama

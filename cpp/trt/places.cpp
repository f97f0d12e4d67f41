#include "places.h"

#include <dlfcn.h>
#include <sys/stat.h>

namespace lama {

bool is_folder(const std::string &path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

std::string folder_of(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string path_of(const void *symbol) {
  Dl_info found;
  return dladdr(symbol, &found) && found.dli_fname ? found.dli_fname : "";
}

}  // namespace lama

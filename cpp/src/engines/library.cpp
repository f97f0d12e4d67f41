#include "engines/library.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "bundle/files.h"
#include "errors.h"

namespace lama {

namespace {

constexpr const char *USUAL[] = {"/usr/local/lib", "/usr/local/lib64", "/usr/lib", "/usr/lib64",
                                 "/usr/lib/*-linux-gnu"};

std::string variable(const char *name) {
  const char *value = secure_getenv(name);  // nobody else chooses what a privileged program loads
  return value ? value : "";
}

std::string name_of(const std::string &path) {
  return path.substr(path.find_last_of('/') + 1);
}

bool is_folder(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// A pipe, say, which would be waited for.
bool is_else(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

std::vector<std::string> matches(const std::string &pattern) {
  glob_t found = {};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

// So that what a caller names is no pattern.
std::string literal(const std::string &path) {
  std::string pattern;
  for (const char c : path) {
    if (std::strchr("*?[\\", c)) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

bool is_version(const std::string &rest) {
  return rest.empty() || (rest[0] == '.' && rest.find_first_not_of("0123456789.") == std::string::npos);
}

std::string folder_of_this_library() {
  Dl_info info;
  char whole[PATH_MAX];
  if (!dladdr(reinterpret_cast<void *>(&folder_of_this_library), &info) || !realpath(info.dli_fname, whole)) return "";
  const std::string path = whole;
  return path.substr(0, path.find_last_of('/'));
}

// Where a shell's Python environment and Conda's have libraries, and what packages install.
std::vector<std::string> usual_folders(const LibraryKind &kind) {
  std::vector<std::string> patterns(std::begin(USUAL), std::end(USUAL));
  const std::string conda = variable("CONDA_PREFIX"), environment = variable("VIRTUAL_ENV");
  if (!conda.empty()) patterns.insert(patterns.begin(), literal(conda) + "/lib");
  for (const std::string &folder : kind.folders) {
    if (folder[0] != '~') patterns.push_back(folder);
    if (folder[0] == '~' && !environment.empty())
      patterns.insert(patterns.begin(), literal(environment) + "/lib/python3*/site-packages" + folder.substr(1));
  }
  std::vector<std::string> folders;
  for (const std::string &pattern : patterns)
    for (std::string &folder : matches(pattern)) folders.push_back(std::move(folder));
  return folders;
}

std::string listed(const std::vector<std::string> &places) {
  std::string text;
  for (const std::string &place : places) text += (text.empty() ? "" : ", ") + brief(place, 60);
  return brief(text, 500);
}

// Tries one after the other; what the first that fails said is kept.
class Search {
 public:
  void *open_any(const std::vector<std::string> &paths, std::string &path) {
    for (const std::string &one : paths) {
      if (void *handle = open(path = one)) return handle;
      if (said_.empty()) said_ = last_;
    }
    return nullptr;
  }

  // By names that the dynamic linker may not know, which is nothing to tell.
  void *open_known(const std::vector<std::string> &names, std::string &path) {
    for (const std::string &name : names)
      if (void *handle = open(path = name)) return handle;
    return nullptr;
  }

  const std::string &said() const { return said_; }

 private:
  void *open(const std::string &path) {
    if (is_else(path)) {
      last_ = path + " is not a file";
      return nullptr;
    }
    void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    const char *said = handle ? nullptr : dlerror();
    last_ = said ? said : "";
    return handle;
  }

  std::string said_, last_;
};

[[noreturn]] void missing(const std::string &line) {
  throw Error(LAMA_MISSING_LIBRARY, line);
}

// What `place`, a file or a folder, has of this kind.
std::vector<std::string> named(const LibraryKind &kind, const std::string &place) {
  if (!is_folder(place)) return {place};
  std::vector<std::string> found = libraries_in(kind, place);
  return found.empty() ? libraries_in(kind, place + "/lib") : found;
}

}  // namespace

std::vector<std::string> libraries_in(const LibraryKind &kind, const std::string &folder) {
  std::vector<std::string> found;
  for (std::string &path : matches(literal(folder + "/" + kind.stem) + "*"))
    if (is_version(name_of(path).substr(kind.stem.size())) && is_file(path)) found.push_back(std::move(path));
  // By the numbers of the version, as the C library compares them.
  std::sort(found.begin(), found.end(),
            [](const std::string &a, const std::string &b) { return strverscmp(a.c_str(), b.c_str()) > 0; });
  return found;
}

Library Library::open(const LibraryKind &kind, const std::string &option) {
  Search search;
  std::string path;
  if (!option.empty()) {
    if (void *handle = search.open_any(named(kind, option), path)) return Library(kind, handle, path);
    missing(brief(option) + ": " +
            (search.said().empty() ? "is a folder without " + kind.engine + "'s library (" + kind.stem + ")"
                                   : kind.engine + "'s library cannot be opened (" + brief(search.said()) + ")") +
            "; give the library's file or its folder, or " + kind.remedy);
  }
  const std::string told = variable("LAMA_ENGINE"), own = folder_of_this_library();
  std::vector<std::string> places;
  if (!told.empty() && (is_folder(told) || name_of(told).rfind(kind.stem, 0) == 0)) {
    places.push_back(told);
    if (void *handle = search.open_any(named(kind, told), path)) return Library(kind, handle, path);
  }
  places.push_back(own);
  if (void *handle = search.open_any(libraries_in(kind, own), path)) return Library(kind, handle, path);
  if (void *handle = search.open_known(kind.names, path)) return Library(kind, handle, path);
  for (const std::string &folder : usual_folders(kind)) {
    places.push_back(folder);
    if (void *handle = search.open_any(libraries_in(kind, folder), path)) return Library(kind, handle, path);
  }
  if (!search.said().empty())
    missing(kind.engine + "'s library cannot be opened (" + brief(search.said()) + "); " + kind.remedy);
  missing(kind.engine + "'s library (" + kind.stem + ") is not found by the dynamic linker, nor in " + listed(places) +
          "; " + kind.remedy + ", or name its file or folder by the option `engine` or LAMA_ENGINE");
}

Library::Library(const LibraryKind &kind, void *handle, std::string path)
    : engine_(kind.engine), remedy_(kind.remedy), handle_(handle), path_(std::move(path)) {}

void *Library::find(const char *symbol) const {
  return dlsym(handle_, symbol);
}

void *Library::required(const char *symbol) const {
  void *found = find(symbol);
  if (!found)
    missing(brief(path_) + ": lacks " + symbol + ", so it is not " + engine_ + "'s library, or a version that is not " +
            "known here; " + remedy_);
  return found;
}

}  // namespace lama

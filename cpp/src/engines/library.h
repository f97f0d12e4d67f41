// Shared libraries that are found and opened at run time.
#pragma once

#include <string>
#include <vector>

namespace lama {

// What to look for, and what to say where it is nowhere.
struct LibraryKind {
  std::string engine;                // for messages, such as "ONNX Runtime"
  std::string stem;                  // its files are named so and go on with a version, or end: "libonnxruntime.so"
  std::vector<std::string> names;    // that the dynamic linker may know, best first
  std::vector<std::string> folders;  // where packages put it, with * as a shell has them; "~" stands for a Python
                                     // environment's site-packages
  std::string remedy;                // what to install
};

// An open library, which stays open as long as the process: engines keep threads, thread-local destructors and globals
// of their own, which run after whoever closed them.
class Library {
 public:
  // option: a file or a folder, which must have it; "": $LAMA_ENGINE (the same, but passed over where it has another
  // engine's), the folder of this library itself, what the dynamic linker knows, the usual places.
  // Throws LAMA_MISSING_LIBRARY.
  static Library open(const LibraryKind &kind, const std::string &option);

  const std::string &path() const { return path_; }  // as it was opened

  void *find(const char *symbol) const;  // nullptr: it has none

  // Throws LAMA_MISSING_LIBRARY where it has none.
  template <typename Function>
  void require(const char *symbol, Function *&function) const {
    function = reinterpret_cast<Function *>(required(symbol));
  }

 private:
  Library(const LibraryKind &kind, void *handle, std::string path);
  void *required(const char *symbol) const;

  std::string engine_, remedy_;
  void *handle_;
  std::string path_;
};

// Files in a folder that the kind's library may be, the newest version first; empty where there is none.
std::vector<std::string> libraries_in(const LibraryKind &kind, const std::string &folder);

}  // namespace lama

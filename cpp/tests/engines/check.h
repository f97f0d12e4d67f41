// What tests of bundles and engines share: checks that say where they failed, and folders that vanish.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "errors.h"

namespace lama::test {

inline int failures = 0;

inline void check(bool holds, const std::string &what) {
  if (!holds) ++failures, std::printf("FAILED: %s\n", what.c_str());
}

// That `call` fails so, with `part` in its line, which is one.
inline void check_error(lama_status status, const std::string &part, const std::function<void()> &call) {
  try {
    call();
    check(false, "no error, and expected was: " + part);
  } catch (const Error &error) {
    const std::string line = error.what();
    check(error.status == status && line.find(part) != std::string::npos,
          "status " + std::to_string(error.status) + ", \"" + line + "\"; expected: " + part);
    check(line.find('\n') == std::string::npos && line.size() < LAMA_ERROR_BYTES, "not one line: " + line);
  }
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "lama-XXXXXX").string();
    if (mkdtemp(name.data())) path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;

  const std::string &path() const { return path_; }
  std::string operator/(const std::string &name) const { return path_ + "/" + name; }

  void write(const std::string &name, const std::string &content) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
  }

 private:
  std::string path_;
};

inline int ended() {
  if (failures == 0) std::printf("ok\n");
  return failures > 0;
}

}  // namespace lama::test

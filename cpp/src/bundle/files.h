// Files of a bundle: regular ones alone, since a pipe or a device of such a name would wait for ever or never end.
#pragma once

#include <cstdint>
#include <string>

namespace lama {

// Through links.
bool is_file(const std::string &path);

// A regular file, open for reading.
class File {
 public:
  explicit File(const std::string &path);  // throws std::system_error
  ~File();
  File(const File &) = delete;
  File &operator=(const File &) = delete;

  int64_t size() const { return size_; }
  size_t read(void *bytes, size_t most);  // 0 at its end; throws std::system_error

 private:
  int descriptor_;
  int64_t size_ = 0;
};

// The whole content. Throws LAMA_BAD_BUNDLE where it cannot be read, or has more than `most` bytes.
std::string read_file(const std::string &path, int64_t most);

// In hex. Throws std::system_error.
std::string sha256_of(File &file);

// What the system says of an error, without the name of a function.
std::string reason_of(const std::exception &error);

}  // namespace lama

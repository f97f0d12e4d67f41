#include "bundle/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "bundle/sha256.h"
#include "errors.h"

namespace lama {

namespace {

constexpr size_t PART = 1 << 18;  // bytes that are read at once

[[noreturn]] void fail(int code) {
  throw std::system_error(code, std::generic_category());
}

}  // namespace

bool is_file(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

File::File(const std::string &path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) fail(errno);
  struct stat info;
  const int code = fstat(descriptor_, &info) != 0 ? errno : S_ISREG(info.st_mode) ? 0 : EINVAL;
  if (code != 0) {
    close(descriptor_);
    fail(code);
  }
  size_ = info.st_size;
}

File::~File() {
  close(descriptor_);
}

size_t File::read(void *bytes, size_t most) {
  for (;;) {
    const ssize_t got = ::read(descriptor_, bytes, most);
    if (got >= 0) return size_t(got);
    if (errno != EINTR) fail(errno);
  }
}

std::string read_file(const std::string &path, int64_t most) {
  try {
    File file(path);
    std::string content;
    content.reserve(size_t(std::min(file.size(), most)));
    std::vector<char> part(PART);
    while (const size_t got = file.read(part.data(), part.size())) {
      content.append(part.data(), got);
      if (int64_t(content.size()) > most)
        throw Error(LAMA_BAD_BUNDLE,
                    brief(path) + ": has more than " + std::to_string(most) + " bytes; export the bundle again");
    }
    return content;
  } catch (const std::system_error &error) {
    throw Error(LAMA_BAD_BUNDLE, brief(path) + ": cannot be read (" + reason_of(error) + ")");
  }
}

std::string sha256_of(File &file) {
  Sha256 digest;
  std::vector<char> part(PART);
  while (const size_t got = file.read(part.data(), part.size())) digest.update(part.data(), got);
  return digest.hex();
}

std::string reason_of(const std::exception &error) {
  const auto *of_system = dynamic_cast<const std::system_error *>(&error);
  return brief(of_system ? of_system->code().message() : error.what());
}

}  // namespace lama

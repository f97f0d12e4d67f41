// What fuzz targets share: an end that is seen, and a folder of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

inline void require(bool holds, const char *what, const char *line = "") {
  if (holds) return;
  std::fprintf(stderr, "broken: %s: %s\n", what, line);
  std::abort();
}

// In memory where that can be had, since every input is written.
inline std::filesystem::path own_folder(const char *name) {
  const std::filesystem::path memory("/dev/shm");
  const auto base = std::filesystem::exists(memory) ? memory : std::filesystem::temp_directory_path();
  std::string pattern = (base / (std::string(name) + "-XXXXXX")).string();
  require(mkdtemp(pattern.data()) != nullptr, "no folder");
  return pattern;
}

// How much memory this process may still take: by control groups, its own limits and the machine; on Linux only.
// The counterpart of lama_deploy/process_memory.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lama {

// Bytes: what the process has (resident set), and what it may take besides.
struct ProcessMemory {
  int64_t held, room;
};

// As it is now; nothing where the system does not say. root: in place of "/", for tests.
std::optional<ProcessMemory> process_memory(const std::string &root = "");

// Bytes in words, such as "1.5 GiB".
std::string gib(double bytes);

}  // namespace lama

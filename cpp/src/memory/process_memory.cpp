#include "memory/process_memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <vector>

namespace lama {

namespace {

using Numbers = std::map<std::string, int64_t>;
constexpr double GIB = 1 << 30;
// Address space that engines and allocators reserve beside what they touch: a limit of it is reached earlier by so
// much.
constexpr double RESERVED_BESIDE = 1.8;
constexpr int64_t UNLIMITED =
    int64_t(1) << 62;  // version 1 of control groups has no word for it, but a number near 2^63

std::vector<std::string> lines_of(const std::string &path) {
  std::vector<std::string> lines;
  const std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(path.c_str(), "re"), std::fclose);
  char line[512];
  while (file && std::fgets(line, sizeof line, file.get())) {
    lines.emplace_back(line);
    while (!lines.back().empty() && lines.back().back() == '\n') lines.back().pop_back();
  }
  return lines;
}

std::optional<int64_t> number(const std::string &text) {
  char *end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (end == text.c_str() || errno != 0 || *end != '\0') return std::nullopt;  // "max", or of no file
  return value;
}

std::optional<int64_t> number_in(const std::string &path) {
  const std::vector<std::string> lines = lines_of(path);
  return lines.empty() ? std::nullopt : number(lines[0]);
}

// Lines of "NAME: NUMBER [kB]" or "NAME NUMBER"; other lines are left out.
Numbers numbers_in(const std::string &path) {
  Numbers found;
  for (std::string line : lines_of(path)) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos) line[colon] = ' ';
    std::istringstream words(line);
    std::string name, value, unit;
    words >> name >> value >> unit;
    if (const auto count = number(value)) found[name] = *count * (unit == "kB" ? 1024 : 1);
  }
  return found;
}

// Caches that can go count as free, and so does swap: who has it, wants it used.
void add_machine(const std::string &root, std::vector<int64_t> &rooms) {
  const Numbers values = numbers_in(root + "/proc/meminfo");
  const auto available = values.find("MemAvailable"), swap = values.find("SwapFree");
  if (available != values.end()) rooms.push_back(available->second + (swap == values.end() ? 0 : swap->second));
}

// As `ulimit -v` and `-d` set them.
void add_limits(const Numbers &status, std::vector<int64_t> &rooms) {
  const std::pair<int, const char *> limits[] = {{RLIMIT_AS, "VmSize"}, {RLIMIT_DATA, "VmData"}};
  for (const auto &[resource, used] : limits) {
    rlimit limit{};
    const auto found = status.find(used);
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && found != status.end())
      rooms.push_back(int64_t((double(limit.rlim_cur) - double(found->second)) / RESERVED_BESIDE));
  }
}

void add_group_2(const std::string &folder, std::vector<int64_t> &rooms) {
  const auto most = number_in(folder + "/memory.max"), used = number_in(folder + "/memory.current");
  if (!most || !used) return;
  const auto swap_most = number_in(folder + "/memory.swap.max"), swap_used = number_in(folder + "/memory.swap.current");
  const int64_t swap = swap_most && swap_used ? std::max<int64_t>(0, *swap_most - *swap_used) : 0;
  const Numbers statistics = numbers_in(folder + "/memory.stat");
  const auto inactive = statistics.find("inactive_file");
  rooms.push_back(*most - *used + (inactive == statistics.end() ? 0 : inactive->second) + swap);
}

void add_group_1(const std::string &folder, std::vector<int64_t> &rooms) {
  const auto most = number_in(folder + "/memory.limit_in_bytes"), used = number_in(folder + "/memory.usage_in_bytes");
  if (!most || !used || *most >= UNLIMITED) return;
  const Numbers statistics = numbers_in(folder + "/memory.stat");
  const auto inactive = statistics.find("total_inactive_file");
  rooms.push_back(*most - *used + (inactive == statistics.end() ? 0 : inactive->second));
}

// Relative, and all above it; a container may see its own group as the root, under a path that is not there.
std::vector<std::string> and_above(const std::string &path) {
  std::vector<std::string> folders{""};
  std::istringstream parts(path);
  for (std::string part; std::getline(parts, part, '/');)
    if (!part.empty() && part != ".." && part != ".") folders.push_back(folders.back() + "/" + part);
  return folders;
}

// Of the process's control group and all above it, of version 2 and of version 1's memory controller.
void add_groups(const std::string &root, std::vector<int64_t> &rooms) {
  for (const std::string &line : lines_of(root + "/proc/self/cgroup")) {
    const size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    for (const std::string &folder : and_above(line.substr(second + 1))) {
      if (controllers == ",,") add_group_2(root + "/sys/fs/cgroup" + folder, rooms);
      if (controllers.find(",memory,") != std::string::npos)
        add_group_1(root + "/sys/fs/cgroup/memory" + folder, rooms);
    }
  }
}

}  // namespace

std::optional<ProcessMemory> process_memory(const std::string &root) {
  const Numbers status = numbers_in(root + "/proc/self/status");
  const auto held = status.find("VmRSS");
  if (held == status.end()) return std::nullopt;
  std::vector<int64_t> rooms;
  add_machine(root, rooms);
  add_limits(status, rooms);
  add_groups(root, rooms);
  if (rooms.empty()) return std::nullopt;
  return ProcessMemory{held->second, std::max<int64_t>(0, *std::min_element(rooms.begin(), rooms.end()))};
}

std::string gib(double bytes) {
  char text[64];
  std::snprintf(text, sizeof text, bytes < 10 * GIB ? "%.2g GiB" : "%.0f GiB", bytes / GIB);
  return text;
}

}  // namespace lama

#include "errors.h"

namespace lama {

std::string brief(std::string_view text, size_t limit) {
  std::string line;
  for (unsigned char c : text.substr(0, limit + 1)) line += c < 0x20 || c == 0x7f ? ' ' : char(c);
  if (text.size() <= limit) return line;
  const std::string_view more = "...";
  size_t end = limit > more.size() ? limit - more.size() : 0;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;  // not within a character of UTF-8
  return line.substr(0, end).append(more);
}

}  // namespace lama

#include "errors.h"

#include <algorithm>

namespace lama {

namespace {

// Bytes of the character of UTF-8 that a text begins with; 0: it begins with none.
size_t character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length <= 1 || text.size() < length) return length == 1;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  // Nor by more bytes than it takes, halves of UTF-16's pairs, or numbers that no character has.
  const bool is_one = first == 0xe0   ? byte(1) >= 0xa0
                      : first == 0xed ? byte(1) < 0xa0
                      : first == 0xf0 ? byte(1) >= 0x90
                      : first == 0xf4 ? byte(1) < 0x90
                                      : true;
  return is_one ? length : 0;
}

}  // namespace

std::string brief(std::string_view text, size_t limit) {
  std::string line;
  const std::string_view seen = text.substr(0, limit + 1);
  for (size_t i = 0; i < seen.size();) {
    const unsigned char first = static_cast<unsigned char>(seen[i]);
    const size_t length = character(seen.substr(i));
    if (length == 0)
      line += '?';
    else if (first < 0x20 || first == 0x7f)
      line += ' ';
    else
      line += seen.substr(i, length);
    i += std::max<size_t>(length, 1);
  }
  if (text.size() <= limit) return line;
  const std::string_view more = "...";
  size_t end = limit > more.size() ? limit - more.size() : 0;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;  // not within a character of UTF-8
  return line.substr(0, end).append(more);
}

}  // namespace lama

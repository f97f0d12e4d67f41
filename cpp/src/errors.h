// Errors inside of the library: thrown as one kind, turned into a status and its line where the C ABI begins.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "lama/inpainter.h"

namespace lama {

class Error : public std::runtime_error {
 public:
  Error(lama_status status, const std::string &line) : std::runtime_error(line), status(status) {}
  const lama_status status;
};

// A text from outside (a file's name, an engine's message), as a line may quote it: line breaks and what no terminal
// shows become spaces, what is not UTF-8 question marks; at most `limit` bytes, cut between characters.
std::string brief(std::string_view text, size_t limit = 200);

}  // namespace lama

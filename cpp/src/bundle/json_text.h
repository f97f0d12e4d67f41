// JSON from outside: read without trust, and shown in a line.
#pragma once

#include <stdexcept>
#include <string>

#include "nlohmann/json.hpp"

namespace lama {

using Json = nlohmann::json;

// What is wrong with a text or a value, without the name of its file.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws Fault for what is no JSON, is nested deeper than any bundle, or has a key twice, of which readers take
// different ones.
Json parsed(const std::string &text);

// As Python shows a value, of which a line quotes at most `limit` bytes: texts as they are, anything else as its repr.
std::string shown(const Json &value, size_t limit = 200);

// The same, and texts in quotes, which tell '1' from 1.
std::string quoted(const Json &value);

}  // namespace lama

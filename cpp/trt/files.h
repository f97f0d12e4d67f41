// Files and where they lie.
#pragma once

#include <string>
#include <vector>

namespace lama {

bool is_folder(const std::string &path);
bool is_file(const std::string &path);
std::string folder_of(const std::string &path);        // "." where it names none
std::string path_of(const void *symbol);               // of the library that has it; "" where nobody knows
std::vector<char> read_file(const std::string &path);  // throws LAMA_BAD_BUNDLE

}  // namespace lama

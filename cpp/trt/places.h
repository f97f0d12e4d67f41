// Where libraries lie.
#pragma once

#include <string>

namespace lama {

bool is_folder(const std::string &path);
std::string folder_of(const std::string &path);  // "." where it names none
std::string path_of(const void *symbol);         // of the library that has it; "" where nobody knows

}  // namespace lama

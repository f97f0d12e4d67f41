#pragma once

#include <string>

#include "bundle/bundle.h"

namespace lama {

// What bundle.json says, as text; path: of it, for messages. Throws LAMA_BAD_BUNDLE.
Bundle read_manifest(const std::string &path, const std::string &text);

}  // namespace lama

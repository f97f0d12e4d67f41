// What goes into a model file of lama-export and comes out of it: lama_deploy/runtime/interface.py.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lama {

// An input or an output of a model.
struct ModelValue {
  std::string name, type;             // type: as NumPy calls it, such as "uint8"
  std::optional<int64_t> dimensions;  // how many, where the file fixes that
};

// The interface that a file names, "uint8" or "float", if its inputs and outputs are just those. io: as its metadata
// has it, "" for none. target: what lama-export would make it with. Throws LAMA_BAD_BUNDLE for any other file.
std::string check_interface(const std::string &model, const std::string &io, const std::vector<ModelValue> &found,
                            const std::string &target);

}  // namespace lama

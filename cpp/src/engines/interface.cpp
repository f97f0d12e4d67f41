#include "engines/interface.h"

#include <algorithm>

#include "errors.h"

namespace lama {

namespace {

constexpr size_t MOST_NAMED = 5;

std::string words(const std::vector<ModelValue> &values) {
  std::string text;
  for (size_t i = 0; i < std::min(values.size(), MOST_NAMED); ++i) {
    const auto &dimensions = values[i].dimensions;
    text += (i > 0 ? ", " : "") + brief(values[i].name, 40) + ": " + values[i].type + " of " +
            (dimensions ? std::to_string(*dimensions) : "any number of") + " dimensions";
  }
  return values.size() > MOST_NAMED ? text + " and " + std::to_string(values.size() - MOST_NAMED) + " more" : text;
}

std::vector<ModelValue> expected_of(const std::string &io) {
  if (io == "uint8") return {{"image", "uint8", 4}, {"mask", "uint8", 3}, {"result", "uint8", 4}};
  if (io == "float") return {{"image", "float32", 4}, {"mask", "float32", 4}, {"result", "float32", 4}};
  return {};
}

bool has(const std::vector<ModelValue> &found, const ModelValue &expected) {
  return std::any_of(found.begin(), found.end(), [&](const ModelValue &value) {
    return value.name == expected.name && value.type == expected.type &&
           (!value.dimensions || value.dimensions == expected.dimensions);
  });
}

}  // namespace

std::string check_interface(const std::string &model, const std::string &io, const std::vector<ModelValue> &found,
                            const std::string &target) {
  const std::vector<ModelValue> expected = expected_of(io);
  if (expected.empty())
    throw Error(LAMA_BAD_BUNDLE, brief(model) + ": not a LaMa model of lama-export (it has " + words(found) +
                                     "); make one with lama-export --to " + target);
  for (const ModelValue &value : expected)
    if (!has(found, value) || found.size() != expected.size())
      throw Error(LAMA_BAD_BUNDLE, brief(model) + ": says that its interface is " + io + ", which is " +
                                       words(expected) + ", and has " + words(found) + "; export it again");
  return io;
}

}  // namespace lama

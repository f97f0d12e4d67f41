// Is a value that was read from JSON of the shape that its reader relies on? As lama_deploy/json_shape.py.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bundle/json_text.h"

namespace lama {

// Of one value: a rule in words with its test, an object with these keys ("key?" may be missing, others are let be), an
// object of any keys with values of one shape, or a list of them.
struct JsonShape {
  enum class Kind { rule, object, each, list };

  Kind kind = Kind::rule;
  std::string words;
  std::function<bool(const Json &)> holds;
  std::vector<std::pair<std::string, JsonShape>> parts;  // one without a key of `each` and `list`
};

JsonShape rule(std::string words, std::function<bool(const Json &)> holds);
JsonShape object(std::vector<std::pair<std::string, JsonShape>> parts);
JsonShape each(JsonShape shape);
JsonShape list(JsonShape shape);
JsonShape one_of(std::vector<std::string> allowed);
JsonShape whole(int64_t least, int64_t most);
JsonShape or_null(JsonShape of_a_rule);
JsonShape text();
JsonShape any_object();
JsonShape number();
JsonShape sha256();

// What is wrong, such as "files.model.onnx.bytes is x and must be an integer from ..."; nullopt where nothing is.
std::optional<std::string> misshapen(const Json &value, const JsonShape &shape, const std::string &where = "");

}  // namespace lama

#include "bundle/json_rules.h"

#include <algorithm>

#include "errors.h"

namespace lama {

namespace {

using Parts = std::vector<std::pair<std::string, JsonShape>>;

std::string under(const std::string &where, const std::string &key) {
  return where.empty() ? brief(key, 60) : where + "." + brief(key, 60);
}

std::string unlike(const Json &value, const std::string &where, const std::string &words) {
  return (where.empty() ? "all of it" : where) + " is " + shown(value, 60) + " and must be " + words;
}

std::optional<std::string> misshapen_items(const Json &value, const JsonShape &shape, const std::string &where) {
  size_t index = 0;
  for (auto item = value.begin(); item != value.end(); ++item, ++index) {
    const std::string name = value.is_object() ? under(where, item.key()) : where + "[" + std::to_string(index) + "]";
    if (auto found = misshapen(*item, shape, name)) return found;
  }
  return std::nullopt;
}

std::optional<std::string> misshapen_parts(const Json &value, const Parts &parts, const std::string &where) {
  for (const auto &[key, shape] : parts)
    if (key.back() != '?' && !value.contains(key)) return under(where, key) + " is missing";
  for (const auto &[key, shape] : parts) {
    const std::string name = key.back() == '?' ? key.substr(0, key.size() - 1) : key;
    if (!value.contains(name)) continue;
    if (auto found = misshapen(value[name], shape, under(where, name))) return found;
  }
  return std::nullopt;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

JsonShape rule(std::string words, std::function<bool(const Json &)> holds) {
  return {JsonShape::Kind::rule, std::move(words), std::move(holds), {}};
}

JsonShape object(Parts parts) {
  return {JsonShape::Kind::object, "", nullptr, std::move(parts)};
}

JsonShape each(JsonShape shape) {
  return {JsonShape::Kind::each, "", nullptr, {{"", std::move(shape)}}};
}

JsonShape list(JsonShape shape) {
  return {JsonShape::Kind::list, "", nullptr, {{"", std::move(shape)}}};
}

JsonShape one_of(std::vector<std::string> allowed) {
  std::string words;
  for (const std::string &one : allowed) words += (words.empty() ? "'" : " or '") + one + "'";
  return rule(words, [allowed = std::move(allowed)](const Json &value) {
    return value.is_string() &&
           std::find(allowed.begin(), allowed.end(), value.get_ref<const std::string &>()) != allowed.end();
  });
}

JsonShape whole(int64_t least, int64_t most) {
  const std::string words = "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  return rule(words, [least, most](const Json &value) {
    const bool fits = value.is_number_unsigned() ? value.get<uint64_t>() <= uint64_t(most) : value.is_number_integer();
    return fits && least <= value.get<int64_t>() && value.get<int64_t>() <= most;
  });
}

JsonShape or_null(JsonShape shape) {
  return rule(shape.words + " or null",
              [holds = shape.holds](const Json &value) { return value.is_null() || holds(value); });
}

JsonShape text() {
  return rule("a text", [](const Json &value) { return value.is_string(); });
}

JsonShape any_object() {
  return rule("an object", [](const Json &value) { return value.is_object(); });
}

JsonShape number() {
  return rule("a finite number", [](const Json &value) {
    return value.is_number() && -1e300 < value.get<double>() && value.get<double>() < 1e300;
  });
}

JsonShape sha256() {
  return rule("a SHA-256 in hex", [](const Json &value) {
    if (!value.is_string()) return false;
    const auto &hex = value.get_ref<const std::string &>();
    return hex.size() == 64 && std::all_of(hex.begin(), hex.end(), is_hex);
  });
}

std::optional<std::string> misshapen(const Json &value, const JsonShape &shape, const std::string &where) {
  using Kind = JsonShape::Kind;
  if (shape.kind == Kind::rule)
    return shape.holds(value) ? std::nullopt : std::optional(unlike(value, where, shape.words));
  if (shape.kind == Kind::list)
    return value.is_array() ? misshapen_items(value, shape.parts[0].second, where) : unlike(value, where, "a list");
  if (!value.is_object()) return unlike(value, where, "an object");
  if (shape.kind == Kind::each) return misshapen_items(value, shape.parts[0].second, where);
  return misshapen_parts(value, shape.parts, where);
}

}  // namespace lama

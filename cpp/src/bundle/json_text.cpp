#include "bundle/json_text.h"

#include <set>
#include <vector>

#include "errors.h"

namespace lama {

namespace {

constexpr int DEEPEST = 200;  // levels: an engine's bundle.json has 8
// What a repr shows, as reprlib of Python does.
constexpr int MOST_LEVELS = 3;
constexpr size_t MOST_ITEMS = 6, MOST_KEYS = 4, MOST_OF_A_TEXT = 200;

std::string represented(const Json &value, int levels);

std::string joined(const Json &value, int levels, size_t most) {
  std::string text;
  size_t index = 0;
  for (auto item = value.begin(); item != value.end(); ++item, ++index) {
    if (index > 0) text += ", ";
    if (index == most) return text + "...";
    if (value.is_object()) text += "'" + brief(item.key()) + "': ";
    text += represented(*item, levels - 1);
  }
  return text;
}

std::string represented(const Json &value, int levels) {
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_string()) return "'" + brief(value.get_ref<const std::string &>(), MOST_OF_A_TEXT) + "'";
  if (value.is_array()) return "[" + (levels > 0 ? joined(value, levels, MOST_ITEMS) : "...") + "]";
  if (value.is_object()) return "{" + (levels > 0 ? joined(value, levels, MOST_KEYS) : "...") + "}";
  return value.dump();
}

// Looks at what a parser meets, before it becomes a value.
class Watch {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json &value) {
    if (depth > DEEPEST) throw Fault("it is nested deeper than " + std::to_string(DEEPEST) + " levels");
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.back().insert(value.get<std::string>()).second)
      throw Fault("it has " + brief(value.get<std::string>(), 60) + " twice");
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parsed(const std::string &text) {
  try {
    Watch watch;
    return Json::parse(text, std::ref(watch));
  } catch (const Json::exception &error) {
    const std::string said = error.what();  // such as "[json.exception.parse_error.101] parse error at line 1, ..."
    const size_t end = said.find("] ");
    throw Fault(brief(end == std::string::npos ? said : said.substr(end + 2)));
  }
}

std::string shown(const Json &value, size_t limit) {
  return brief(value.is_string() ? value.get_ref<const std::string &>() : represented(value, MOST_LEVELS), limit);
}

std::string quoted(const Json &value) {
  return value.is_string() ? "'" + shown(value) + "'" : shown(value);
}

}  // namespace lama

#include "engines/openvino_xml.h"

#include <limits>
#include <map>
#include <set>

#include "engines/xml_tags.h"

namespace lama {

namespace {

struct Constant {
  const char *layer;
  int64_t value;
  int64_t count;
};

// Values of the graph that lama-export writes: from the first cell to the last, and nothing around it.
constexpr Constant WHOLE_WINDOW[] = {{"generator/window/starts", 0, 2},
                                     {"generator/window/ends", std::numeric_limits<int32_t>::max(), 2},
                                     {"generator/window/pads", 0, 8}};

// A piece of the text and what stands there instead.
struct Edit {
  size_t begin, end;
  std::string text;
};

std::string required(const XmlTag &tag, const char *attribute) {
  auto value = tag.attribute(attribute);
  if (!value) throw XmlFault(std::string("a ") + std::string(tag.name) + " without " + attribute);
  return *value;
}

std::string constant(const XmlTag &layer, const std::string &port, const Constant &values, int64_t offset) {
  const std::string count = std::to_string(values.count);
  return "<layer id=\"" + required(layer, "id") + "\" name=\"" + required(layer, "name") +
         "\" type=\"Const\" version=\"opset1\"><data element_type=\"i64\" shape=\"" + count + "\" offset=\"" +
         std::to_string(offset) + "\" size=\"" + std::to_string(values.count * int64_t(sizeof(int64_t))) +
         "\" /><output><port id=\"" + port + "\" precision=\"I64\"><dim>" + count + "</dim></port></output></layer>";
}

// The number of the layer's output, and past its end.
std::string port_of(XmlTags &tags, size_t &end) {
  std::string port;
  XmlTag tag{};
  while (tags.next(tag)) {
    if (tag.opens && tag.name == "port" && tags.is_in({"layers", "layer", "output"})) port = required(tag, "id");
    if (tag.closes && tag.name == "layer" && tags.is_in({"layers"})) break;
  }
  end = tag.end;
  return port;
}

std::string edited(const std::string &xml, const std::vector<Edit> &edits) {
  std::string text;
  size_t done = 0;
  for (const Edit &edit : edits) {
    text.append(xml, done, edit.begin - done).append(edit.text);
    done = edit.end;
  }
  return text.append(xml, done, std::string::npos);
}

}  // namespace

std::optional<std::string> property_of(const std::string &xml, const std::string &name) {
  XmlTags tags(xml);
  XmlTag tag{};
  std::optional<std::string> found;
  while (tags.next(tag))
    if (!found && tag.opens && tag.name == name && tags.is_in({"rt_info", "lama_deploy"}))
      found = tag.attribute("value");
  return found;
}

std::vector<int64_t> whole_window() {
  std::vector<int64_t> values;
  for (const Constant &one : WHOLE_WINDOW) values.insert(values.end(), size_t(one.count), one.value);
  return values;
}

std::string with_whole_window(const std::string &xml, int64_t offset) {
  std::map<std::string, std::pair<const Constant *, int64_t>> wanted;  // with where its values lie
  for (const Constant &one : WHOLE_WINDOW) {
    wanted[one.layer] = {&one, offset};
    offset += one.count * int64_t(sizeof(int64_t));
  }
  std::vector<Edit> edits;
  std::set<std::string> replaced;
  XmlTags tags(xml);
  XmlTag tag{};
  while (tags.next(tag)) {
    if (tag.opens && !tag.closes && tag.name == "layer" && tags.is_in({"layers"})) {
      const auto found = wanted.find(tag.attribute("name").value_or(""));
      if (found == wanted.end()) continue;
      const XmlTag layer = tag;
      size_t end = 0;
      const std::string port = port_of(tags, end);
      replaced.insert(required(layer, "id"));
      edits.push_back({layer.begin, end, constant(layer, port, *found->second.first, found->second.second)});
    } else if (tag.opens && tag.closes && tag.name == "edge" && tags.is_in({"edges"}) &&
               replaced.count(tag.attribute("to-layer").value_or(""))) {
      edits.push_back({tag.begin, tag.end, ""});
    }
  }
  return edited(xml, edits);
}

}  // namespace lama

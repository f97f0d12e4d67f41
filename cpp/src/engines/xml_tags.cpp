#include "engines/xml_tags.h"

#include <algorithm>

namespace lama {

namespace {

constexpr std::string_view SPACES = " \t\r\n";
constexpr size_t DEEPEST = 200;

[[noreturn]] void damaged(size_t at) {
  throw XmlFault("no XML at byte " + std::to_string(at));
}

}  // namespace

std::optional<std::string> XmlTag::attribute(std::string_view wanted) const {
  for (size_t at = 0; at < attributes.size();) {
    const size_t equals = attributes.find('=', at);
    if (equals == std::string_view::npos) break;
    const size_t begin = attributes.find_first_of("\"'", equals);
    if (begin == std::string_view::npos) break;
    const size_t end = attributes.find(attributes[begin], begin + 1);
    if (end == std::string_view::npos) break;
    const size_t first = std::min(attributes.find_first_not_of(SPACES, at), equals);
    const size_t last = attributes.find_first_of(" \t\r\n=", first);
    if (attributes.substr(first, last - first) == wanted)
      return std::string(attributes.substr(begin + 1, end - begin - 1));
    at = end + 1;
  }
  return std::nullopt;
}

// Past a comment, a declaration or <?..?> that begins there; 0 where none does.
size_t XmlTags::skipped(size_t begin) const {
  const std::string_view rest = text_.substr(begin, 4);
  const std::string_view end = rest == "<!--" ? "-->" : rest.substr(0, 2) == "<?" ? "?>" : ">";
  if (end == ">" && rest.substr(0, 2) != "<!") return 0;
  const size_t found = text_.find(end, begin);
  if (found == std::string_view::npos) damaged(begin);
  return found + end.size();
}

// Past the > of a tag, which may stand in a value too.
size_t XmlTags::end_of(size_t begin) const {
  char quote = 0;
  for (size_t i = begin; i < text_.size(); ++i) {
    const char c = text_[i];
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return i + 1;
    }
  }
  damaged(begin);
}

bool XmlTags::next(XmlTag &tag) {
  for (;;) {
    const size_t begin = text_.find('<', next_);
    if (begin == std::string_view::npos) {
      if (!open_.empty() || next_ == 0) damaged(text_.size());
      return false;
    }
    if (const size_t past = skipped(begin)) {
      next_ = past;
      continue;
    }
    const size_t end = next_ = end_of(begin);
    std::string_view inside = text_.substr(begin + 1, end - begin - 2);
    const bool is_end = !inside.empty() && inside.front() == '/';
    const bool is_empty = !is_end && !inside.empty() && inside.back() == '/';
    if (is_end) inside.remove_prefix(1);
    if (is_empty) inside.remove_suffix(1);
    const size_t name = std::min(inside.find_first_of(SPACES), inside.size());
    tag = {inside.substr(0, name), inside.substr(name), begin, end, !is_end, is_end || is_empty};
    enter(tag);
    return true;
  }
}

void XmlTags::enter(const XmlTag &tag) {
  if (tag.name.empty()) damaged(tag.begin);
  if (!tag.opens) {
    if (open_.empty() || open_.back() != tag.name) damaged(tag.begin);
    open_.pop_back();
  }
  around_ = open_;
  if (tag.opens && !tag.closes) open_.push_back(tag.name);
  if (open_.size() > DEEPEST) damaged(tag.begin);
}

bool XmlTags::is_in(std::initializer_list<std::string_view> below_root) const {
  return around_.size() == below_root.size() + 1 &&
         std::equal(below_root.begin(), below_root.end(), around_.begin() + 1);
}

}  // namespace lama

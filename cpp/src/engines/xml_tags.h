// Tags of an XML text, one after the other.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/openvino_xml.h"

namespace lama {

struct XmlTag {
  std::string_view name;
  std::string_view attributes;  // its text between name and end
  size_t begin, end;            // in the text, with < and >
  bool opens, closes;           // both: <name/>

  std::optional<std::string> attribute(std::string_view name) const;  // as it is written, without entities
};

class XmlTags {
 public:
  explicit XmlTags(std::string_view text) : text_(text) {}

  // The next one; false at the end of the text. Throws XmlFault for tags that do not pair, and for an end within one.
  bool next(XmlTag &tag);

  // Names of the elements around the tag that came last, from the root on, itself not among them.
  const std::vector<std::string_view> &around() const { return around_; }

  bool is_in(std::initializer_list<std::string_view> below_root) const;

 private:
  size_t skipped(size_t begin) const;
  size_t end_of(size_t begin) const;
  void enter(const XmlTag &tag);

  std::string_view text_;
  size_t next_ = 0;
  std::vector<std::string_view> around_, open_;
};

}  // namespace lama

// The text of an OpenVINO model.xml: what lama-export wrote into it, and a decoder's window in it.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lama {

// A text that is no XML, or not as OpenVINO writes models.
struct XmlFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The value of rt_info/lama_deploy/`name`. Throws XmlFault.
std::optional<std::string> property_of(const std::string &xml, const std::string &name);

// Values of whole windows, in the order in which `with_whole_window` refers to them; to be put behind the weights.
std::vector<int64_t> whole_window();

// The model with the window of a decoder for holes alone fixed to the whole picture: the layers that compute it become
// constants, whose values lie from `offset` on in the weights. One without such layers stays as it is.
// The C interface cannot replace nodes, as `_decode_whole` in Python does; hence the text. Throws XmlFault.
std::string with_whole_window(const std::string &xml, int64_t offset);

}  // namespace lama

#include "engines/openvino_files.h"

#include "bundle/files.h"
#include "bundle/sha256.h"
#include "engines/openvino_xml.h"
#include "errors.h"

namespace lama {

namespace {

constexpr int64_t MOST_BYTES = int64_t(1) << 40;

// What `read` finds damaged, as an error that names the file.
template <typename Read>
auto guarded(const std::string &path, Read read) {
  try {
    return read();
  } catch (const XmlFault &fault) {
    throw Error(LAMA_BAD_BUNDLE, brief(path) + ": damaged (" + brief(fault.what()) + "); export it again");
  }
}

}  // namespace

ModelFiles ModelFiles::read(const Bundle &bundle) {
  ModelFiles files;
  files.path = bundle.model();
  const std::string weights = bundle.path("model.bin");
  for (const std::string &file : {files.path, weights})
    if (!is_file(file))
      throw Error(LAMA_BAD_BUNDLE, brief(file) + ": no such file; OpenVINO's models are two, model.xml and model.bin");
  files.xml = read_file(files.path, MOST_BYTES);
  files.weights = read_file(weights, MOST_BYTES);
  Sha256 digest;
  digest.update(files.xml.data(), files.xml.size());
  digest.update(files.weights.data(), files.weights.size());
  files.digest = digest.hex();
  const std::vector<int64_t> values = whole_window();
  files.weights.resize((files.weights.size() + sizeof(int64_t) - 1) / sizeof(int64_t) * sizeof(int64_t));
  files.window_offset = int64_t(files.weights.size());
  files.weights.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(int64_t));
  return files;
}

std::optional<std::string> ModelFiles::property(const std::string &name) const {
  return guarded(path, [&] { return property_of(xml, name); });
}

std::string ModelFiles::whole_xml() const {
  return guarded(path, [&] { return with_whole_window(xml, window_offset); });
}

}  // namespace lama

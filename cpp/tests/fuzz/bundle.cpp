// Any bytes as bundle.json: opened or refused with one line, by the C ABI. LAMA_ENGINE names an engine to open models
// with; LAMA_FUZZ_BUNDLE a bundle, whose other files lie beside the manifest.
#include <lama/inpainter.h>

#include <cstring>
#include <fstream>

#include "fuzz.h"

namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() : path(own_folder("lama-fuzz")) {
    if (const char *bundle = std::getenv("LAMA_FUZZ_BUNDLE"))
      for (const auto &file : fs::directory_iterator(bundle)) fs::copy(file, path / file.path().filename());
  }
  ~Folder() { fs::remove_all(path); }
  const fs::path path;
};

void check_failure(lama_status status, const lama_error &error) {
  require(status == LAMA_BAD_BUNDLE || status == LAMA_MISSING_LIBRARY, "an unexpected status", error.message);
  const std::size_t length = strnlen(error.message, sizeof error.message);
  require(length > 0 && length < sizeof error.message, "no line that ends");
  for (const char *c = error.message; *c; ++c)
    require(static_cast<unsigned char>(*c) >= 0x20 && *c != 0x7f, "a line with a control character", error.message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  static const Folder folder;
  std::ofstream(folder.path / "bundle.json", std::ios::binary)
      .write(reinterpret_cast<const char *>(data), std::streamsize(size));
  lama_inpainter *inpainter = nullptr;
  lama_error error;
  const lama_status status = lama_load(folder.path.c_str(), nullptr, &inpainter, &error);
  require(status == error.status && (status == LAMA_OK) == (inpainter != nullptr), "status and handle differ");
  if (status != LAMA_OK) check_failure(status, error);
  lama_free(inpainter);
  return 0;
}

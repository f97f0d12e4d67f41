// Where engines' libraries are found, and what is said where they are not. The argument: the folder of the fakes.
#include <sys/stat.h>

#include <cstdlib>

#include "bundles.h"
#include "engines/library.h"
#include "engines/open.h"

using namespace lama;
using namespace lama::test;

namespace {

const LibraryKind KIND = {"An engine", "liblama_engine.so", {"liblama_engine.so.1"}, {}, "install it"};

void test_versions() {
  const Folder folder;
  for (const char *name :
       {"liblama_engine.so", "liblama_engine.so.1.9", "liblama_engine.so.1.10", "liblama_engine.so.1",
        "liblama_engine.so.old", "liblama_engine_other.so.1", "liblama_engine.so.1.2.py"})
    folder.write(name, "");
  std::filesystem::create_directory(folder / "liblama_engine.so.2");
  const std::vector<std::string> found = libraries_in(KIND, folder.path());
  check(found == std::vector<std::string>{folder / "liblama_engine.so.1.10", folder / "liblama_engine.so.1.9",
                                          folder / "liblama_engine.so.1", folder / "liblama_engine.so"},
        "libraries in a folder, the newest first");
  check(libraries_in(KIND, folder.path() + "/[x]*").empty(), "a folder's name is no pattern");
}

void test_missing() {
  const Folder folder;
  const auto opened = [](const std::string &option) { return [=] { Library::open(KIND, option); }; };
  check_error(LAMA_MISSING_LIBRARY, "is not found by the dynamic linker, nor in", opened(""));
  check_error(LAMA_MISSING_LIBRARY, "is a folder without An engine's library (liblama_engine.so)",
              opened(folder.path()));
  check_error(LAMA_MISSING_LIBRARY, "cannot be opened", opened(folder / "liblama_engine.so"));
  folder.write("liblama_engine.so", "no library");
  check_error(LAMA_MISSING_LIBRARY, "cannot be opened", opened(folder.path()));
  mkfifo((folder / "pipe").c_str(), 0600);
  check_error(LAMA_MISSING_LIBRARY, "is not a file", opened(folder / "pipe"));
  setenv("LAMA_ENGINE", folder.path().c_str(), 1);
  check_error(LAMA_MISSING_LIBRARY, "An engine's library cannot be opened", opened(""));
  setenv("LAMA_ENGINE", (folder / "libof_another.so").c_str(), 1);
  check_error(LAMA_MISSING_LIBRARY, "is not found", opened(""));
  unsetenv("LAMA_ENGINE");
}

void test_found(const std::string &fakes) {
  const Folder folder;
  const Files files = {{"model.onnx", "a model"}};
  write_bundle(folder, manifest_of("onnx", files), files);
  const Bundle bundle = load_bundle(folder.path(), true);
  EngineOptions options;
  for (const std::string &place : {fakes + "/onnxruntime", fakes + "/onnxruntime/libonnxruntime.so.1"}) {
    options.engine = place;
    check(open_backend(bundle, options)->library() == fakes + "/onnxruntime/libonnxruntime.so.1", "found by " + place);
  }
  options.engine = "";
  setenv("LAMA_ENGINE", (fakes + "/onnxruntime").c_str(), 1);
  const auto backend = open_backend(bundle, options);
  check(backend->version() == "1.99.0" && backend->name() == "onnxruntime", "found by LAMA_ENGINE");
  unsetenv("LAMA_ENGINE");
  options.engine = fakes + "/empty";
  check_error(LAMA_MISSING_LIBRARY, "lacks OrtGetApiBase", [&] { open_backend(bundle, options); });
}

// What is done once in a process is tried where nothing has been done.
void test_openvino(const std::string &fakes) {
  const Folder folder;
  const Files files = {{"model.xml", "<net></net>"}, {"model.bin", ""}};
  write_bundle(folder, manifest_of("openvino", files), files);
  const Bundle bundle = load_bundle(folder.path(), true);
  EngineOptions options;
  options.engine = fakes + "/openvino";
  const auto opened = [&] { open_backend(bundle, options); };
  setenv("LAMA_FAKE_FAIL", "version", 1);
  check_error(LAMA_MISSING_LIBRARY, "is OpenVINO 2024.1.0-1-abc, which is too old", opened);
  setenv("LAMA_FAKE_FAIL", "core_create", 1);
  check_error(LAMA_MISSING_LIBRARY, "OpenVINO does not start (", opened);
  unsetenv("LAMA_FAKE_FAIL");
  check_error(LAMA_BAD_BUNDLE, "not a LaMa model of lama-export", opened);
}

}  // namespace

int main(int, char **arguments) {
  test_versions();
  test_missing();
  test_found(arguments[1]);
  test_openvino(arguments[1]);
  return ended();
}

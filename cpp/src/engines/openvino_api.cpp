#include "engines/openvino_api.h"

#include <cstdio>
#include <map>
#include <mutex>

#include "errors.h"

namespace lama {

namespace {

const LibraryKind KIND = {"OpenVINO",
                          "libopenvino_c.so",
                          {"libopenvino_c.so"},
                          {"/opt/intel/openvino*/runtime/lib/*", "/opt/openvino*/runtime/lib/*", "~/openvino/libs"},
                          "install OpenVINO 2026.4 or newer (its archive, or pip install openvino)"};

bool is_new_enough(const std::string &version) {
  int year = 0, release = 0;
  if (std::sscanf(version.c_str(), "%d.%d", &year, &release) != 2) return false;
  return year > ov::OLDEST_YEAR || (year == ov::OLDEST_YEAR && release >= ov::OLDEST_RELEASE);
}

}  // namespace

// Never freed, nor its core. OpenVINO's CPU plugin gives the thread that first uses a core a signal stack, and unmaps
// it with the core's last model, whichever thread drops that one (seen in 2026.4): the next signal with a handler then
// kills the process.
const OpenVinoApi &OpenVinoApi::of(const std::string &engine) {
  static std::mutex mutex;
  static auto &opened = *new std::map<std::string, const OpenVinoApi *>;
  Library library = Library::open(KIND, engine);
  const std::lock_guard<std::mutex> lock(mutex);
  const OpenVinoApi *&found = opened[library.path()];
  if (!found) found = new OpenVinoApi(std::move(library));
  return *found;
}

OpenVinoApi::OpenVinoApi(Library library) : library_(std::move(library)) {
#define LAMA_MEMBER(name, ...) library_.require("ov_" #name, name);
  LAMA_OV_FUNCTIONS(LAMA_MEMBER)
#undef LAMA_MEMBER
  ov::Version version = {};
  if (get_openvino_version(&version) == 0 && version.build) version_ = brief(version.build, 80);
  version_free(&version);
  if (!is_new_enough(version_))
    throw Error(LAMA_MISSING_LIBRARY,
                brief(path()) + ": is OpenVINO " + version_ + ", which is too old; " + KIND.remedy);
  try {
    check(core_create(&core_));
  } catch (const OvFailure &failure) {
    throw Error(LAMA_MISSING_LIBRARY,
                brief(path()) + ": OpenVINO does not start (" + brief(failure.what()) + "); " + KIND.remedy);
  }
}

void OpenVinoApi::check(ov::Status status) const {
  if (status == 0) return;
  const OvOwned<const char> message(get_last_err_msg(), free);  // a copy
  const std::string said = message ? message.get() : "";
  const char *kind = said.empty() ? get_error_info(status) : nullptr;
  throw OvFailure(kind ? kind : said);
}

std::string OpenVinoApi::text(char *of_its) const {
  const OvOwned<const char> held(of_its, free);
  return of_its ? of_its : "";
}

OvOwned<ov::Tensor> OpenVinoApi::tensor(ov::ElementType type, const std::vector<int64_t> &sizes,
                                        const void *data) const {
  ov::Shape shape = {};
  check(shape_create(int64_t(sizes.size()), sizes.data(), &shape));
  ov::Tensor *tensor = nullptr;
  const ov::Status status = tensor_create_from_host_ptr(type, shape, const_cast<void *>(data), &tensor);
  shape_free(&shape);
  check(status);
  return {tensor, tensor_free};
}

}  // namespace lama

// OpenVINO's functions, as they were found in its library, and its entry point.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engines/library.h"
#include "openvino_abi.h"

namespace lama {

// What OpenVINO said of a call that failed.
struct OvFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An object of OpenVINO's, released by the function of its kind.
template <typename Kind>
using OvOwned = std::unique_ptr<Kind, void (*)(Kind *)>;

class OpenVinoApi {
 public:
  // The one of a library, which lives as long as the process; engine: as `Library::open` takes it. Throws
  // LAMA_MISSING_LIBRARY.
  static const OpenVinoApi &of(const std::string &engine);

#define LAMA_MEMBER(name, ...) ov::name##_t *name = nullptr;
  LAMA_OV_FUNCTIONS(LAMA_MEMBER)
#undef LAMA_MEMBER

  const std::string &version() const { return version_; }
  const std::string &path() const { return library_.path(); }
  const ov::Core *core() const { return core_; }

  void check(ov::Status status) const;   // throws OvFailure
  std::string text(char *of_its) const;  // which is freed
  OvOwned<ov::Tensor> tensor(ov::ElementType type, const std::vector<int64_t> &sizes, const void *data) const;

 private:
  explicit OpenVinoApi(Library library);

  Library library_;
  std::string version_;
  ov::Core *core_ = nullptr;
};

}  // namespace lama

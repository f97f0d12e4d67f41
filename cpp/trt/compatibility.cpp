#include "compatibility.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "errors.h"
#include "trt_library.h"

namespace lama {

namespace {

constexpr std::string_view kOr = " or ", kNewer = "newer";

std::vector<long> numbers_in(const std::string &text) {
  std::vector<long> numbers;
  for (const char *at = text.c_str(); *at;) {
    char *end = nullptr;
    const bool digit = *at >= '0' && *at <= '9';
    if (digit) numbers.push_back(std::strtol(at, &end, 10));
    at = digit ? end : at + 1;
  }
  return numbers;
}

// As far as both have parts: "10.14.1" and "10.14.1.48" are the same. -1, 0 or 1 for an older, the same, a newer one.
int compared(const std::string &one, const std::string &other) {
  const std::vector<long> first = numbers_in(one), second = numbers_in(other);
  const size_t parts = std::min(first.size(), second.size());
  for (size_t i = 0; i < parts; ++i)
    if (first[i] != second[i]) return first[i] < second[i] ? -1 : 1;
  return parts ? 0 : -1;
}

// NVIDIA's documentation ("Engine Compatibility"): later ones run what was built to be version-compatible. That
// includes those of the next major version, but with exceptions, and this library is one of the major it was built
// with.
bool runs(const std::string &found, const lama_trt_options &options) {
  const int order = compared(found, options.version);
  if (order == 0 || !options.version_compatible) return order == 0;
  const std::vector<long> own = numbers_in(found), built = numbers_in(options.version);
  return order > 0 && !built.empty() && own[0] == built[0];
}

bool takes(const std::string &needed, const std::string &capability) {
  for (size_t begin = 0; begin <= needed.size();) {
    const size_t end = std::min(needed.find(kOr, begin), needed.size());
    const std::string one = needed.substr(begin, end - begin);
    if (one == capability || (one == kNewer && compared(capability, needed) >= 0)) return true;
    begin = end + kOr.size();
  }
  return needed.empty();
}

std::string capability_of(cuda::Ordinal device) {
  int major = 0, minor = 0;
  cuda::driver().device_attribute(&major, cuda::kCapabilityMajor, device);
  cuda::driver().device_attribute(&minor, cuda::kCapabilityMinor, device);
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string name_of(cuda::Ordinal device) {
  char name[256] = {};
  cuda::driver().device_name(name, int(sizeof name) - 1, device);
  return brief(name);
}

}  // namespace

void require_version(const std::string &found, const lama_trt_options &options) {
  if (runs(found, options)) return;
  const std::string version = brief(options.version, 40);
  const std::string only = options.version_compatible ? ", and run by it and by later versions of its major one"
                                                      : ", which is the only version that runs it";
  throw Error(LAMA_ENGINE_ERROR, brief(options.model) + ": built by " + kTrtName + " " + version + only +
                                     ", and this is " + found + ": export again, or install " + kTrtName + " " +
                                     version);
}

void require_gpu(const cuda::Device &device, const lama_trt_options &options, const Log &log) {
  const std::string name = name_of(device.ordinal()), capability = capability_of(device.ordinal());
  const std::string own = options.made_for;
  if (!takes(options.capability, capability))
    throw Error(LAMA_ENGINE_ERROR, brief(options.model) + ": built " + (own.empty() ? "" : "on " + brief(own) + " ") +
                                       "for compute capability " + brief(options.capability) + ", and this is " + name +
                                       ", of " + capability +
                                       ": export on it, or use model.onnx, which runs in ONNX Runtime");
  if (options.timed && !own.empty() && own != name)
    log.warn(brief(options.model) + ": its kernels were chosen on " + brief(own) + ", and this is " + name +
             ": right, as far as TensorRT lets it run, and perhaps slower than an engine that is exported here");
}

}  // namespace lama

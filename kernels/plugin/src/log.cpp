#include "log.h"

#include <atomic>
#include <cstdint>
#include <cstdio>

#include "tensorrt_version.h"
#include "versioned_slots.h"

namespace {

constexpr int32_t kError = 1, kWarning = 2;  // of ILogger::Severity

std::atomic<void *> logger_finder{nullptr};

bool log_by_tensorrt(int32_t severity, const char *line) {
  void *finder = logger_finder;
  const int version = finder == nullptr ? 0 : lama::tensorrt_version_at(*static_cast<void **>(finder));
  if (version == 0) return false;
  const lama::VersionedSlots &slots = lama::slots_of(version);
  void *logger = lama::function_of<void *(void *)>(finder, slots.find_logger)(finder);
  if (logger == nullptr) return false;
  lama::function_of<void(void *, int32_t, const char *)>(logger, slots.log)(logger, severity, line);
  return true;
}

void say(int32_t severity, const char *before) {
  char line[700];
  std::snprintf(line, sizeof line, "SpectralConv: %s%s", before, lama_spectral_last_error());
  if (!log_by_tensorrt(severity, line)) std::fprintf(stderr, "%s\n", line);
}

}  // namespace

void lama::set_logger_finder(void *finder) {
  logger_finder = finder;
}

int lama::report(Status status) noexcept {
  if (status == LAMA_SPECTRAL_OK) return 0;
  say(kError, "");
  return 1;
}

void lama::warn_of_another_way() noexcept {
  static std::atomic_flag said;
  if (!said.test_and_set()) say(kWarning, "its engine was built to run another way, and may be slower here: ");
}

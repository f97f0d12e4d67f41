#include "log.h"

#include <atomic>
#include <cstdint>
#include <cstdio>

#include "tensorrt_version.h"
#include "versioned_slots.h"

namespace {

constexpr int32_t kError = 1;  // of ILogger::Severity

std::atomic<void *> logger_finder{nullptr};

bool log_by_tensorrt(const char *line) {
  void *finder = logger_finder;
  const int version = finder == nullptr ? 0 : lama::tensorrt_version_at(*static_cast<void **>(finder));
  if (version == 0) return false;
  const lama::VersionedSlots &slots = lama::slots_of(version);
  void *logger = lama::function_of<void *(void *)>(finder, slots.find_logger)(finder);
  if (logger == nullptr) return false;
  lama::function_of<void(void *, int32_t, const char *)>(logger, slots.log)(logger, kError, line);
  return true;
}

}  // namespace

void lama::set_logger_finder(void *finder) {
  logger_finder = finder;
}

int lama::report(Status status) noexcept {
  if (status == LAMA_SPECTRAL_OK) return 0;
  char line[600];
  std::snprintf(line, sizeof line, "SpectralConv: %s", lama_spectral_last_error());
  if (!log_by_tensorrt(line)) std::fprintf(stderr, "%s\n", line);
  return 1;
}

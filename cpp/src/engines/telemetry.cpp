// Engines that report to their makers are kept from it, as lama_deploy/telemetry.py does: ONNX Runtime 1.32 writes an
// identifier and opens a database under the user's cache directory as soon as it is opened.
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace lama {
namespace {

// As this library is loaded, which in programs that link it is before main: setting variables later would race with
// threads that read them.
[[gnu::constructor]] void switch_off() {
  const char *wanted = std::getenv("LAMA_DEPLOY_TELEMETRY");
  if (wanted && std::strcmp(wanted, "1") == 0) return;
  for (const char *name : {"ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"}) setenv(name, "1", 0);
}

}  // namespace
}  // namespace lama

#include "tensorrt_version.h"

#include <dlfcn.h>

#include <cstdint>

int lama::tensorrt_version_at(const void *address) {
  Dl_info library;
  if (dladdr(address, &library) == 0) return 0;
  void *handle = dlopen(library.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (handle == nullptr) return 0;
  auto *version = reinterpret_cast<int32_t (*)()>(dlsym(handle, "getInferLibVersion"));
  const int found = version == nullptr ? 0 : version();
  dlclose(handle);
  return found;
}

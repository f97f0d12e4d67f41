// Functions of a shared library that is opened when it is needed, so that who does without it need not have it.
#pragma once

#include <dlfcn.h>

#include <initializer_list>

#include "status.h"

namespace lama {

class SharedLibrary {
 public:
  // The first of `names` that the loader finds, among what the process has loaded too. Stays open for good.
  Status open(std::initializer_list<const char *> names, const char *advice) {
    for (const char *name : names) {
      handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (handle_ != nullptr) return LAMA_SPECTRAL_OK;
    }
    return fail(LAMA_SPECTRAL_LIBRARY_MISSING, "%s is not found; %s", *names.begin(), advice);
  }

  template <class Function>
  Status find(const char *name, Function **function) const {
    *function = reinterpret_cast<Function *>(dlsym(handle_, name));
    if (*function != nullptr) return LAMA_SPECTRAL_OK;
    return fail(LAMA_SPECTRAL_LIBRARY_MISSING, "the loaded library has no %s; it is too old", name);
  }

 private:
  void *handle_ = nullptr;
};

}  // namespace lama

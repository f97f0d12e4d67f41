// What is told to the caller's log.
#pragma once

#include <string>

#include "lama/inpainter.h"

namespace lama {

struct Log {
  lama_log function = nullptr;
  void *user = nullptr;

  void info(const std::string &line) const {
    if (function) function(user, LAMA_LOG_INFO, line.c_str());
  }
  void warn(const std::string &line) const {
    if (function) function(user, LAMA_LOG_WARNING, line.c_str());
  }
};

}  // namespace lama

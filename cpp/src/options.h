// lama_options, checked, with texts that are ours.
#pragma once

#include <string>

#include "log.h"

namespace lama {

// How pictures are cut, as `StrategyOptions` of lama_deploy.
struct StrategyOptions {
  lama_strategy strategy = LAMA_AUTO;
  int64_t limit = 1024, margin = 64;
};

// How an engine is opened.
struct EngineOptions {
  int threads = 0, streams = 0, device = -1, graphs = 8;
  bool check = true;
  std::string engine, plugin, cache, precision;
  Log log;
};

}  // namespace lama

// lama_options as they were given -> ours, checked.
#pragma once

#include "options.h"

namespace lama {

struct Options {
  StrategyOptions strategy;
  EngineOptions engine;
  int64_t memory = 0;  // bytes; 0: as the system says
};

// options: NULL for the defaults. Throws LAMA_INVALID_ARGUMENT.
Options checked(const lama_options *options);

// lama_call as it was given, or the defaults for NULL. Throws LAMA_INVALID_ARGUMENT.
lama_call checked(const lama_call *call);

}  // namespace lama

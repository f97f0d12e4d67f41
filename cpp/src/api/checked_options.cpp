#include "api/checked_options.h"

#include <cstring>
#include <string>

#include "errors.h"

namespace lama {

namespace {

constexpr int MOST_THREADS = 4096;

void check(const char *name, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most)
    throw Error(LAMA_INVALID_ARGUMENT, std::string(name) + " is " + std::to_string(value) +
                                           "; allowed: " + std::to_string(least) + " to " + std::to_string(most));
}

std::string text(const char *given) {
  return given ? given : "";
}

// What the caller's structure has, over the defaults: a program that was compiled against an earlier version has less.
template <class Struct>
Struct known_part(const Struct *given, const Struct &defaults, const char *init) {
  Struct whole = defaults;
  if (given == nullptr) return whole;
  if (given->size < sizeof given->size || given->size > sizeof whole)
    throw Error(LAMA_INVALID_ARGUMENT, std::string("a structure says that it has ") + std::to_string(given->size) +
                                           " bytes, and this library knows " + std::to_string(sizeof whole) +
                                           "; call " + init + " on it first");
  std::memcpy(&whole, given, given->size);
  return whole;
}

}  // namespace

Options checked(const lama_options *given) {
  lama_options defaults;
  lama_options_init(&defaults, sizeof defaults);
  const lama_options o = known_part(given, defaults, "lama_options_init");
  check("strategy", o.strategy, LAMA_AUTO, LAMA_TILE);
  check("limit", o.limit, 128, 65536);
  check("margin", o.margin, 0, 16384);
  check("threads", o.threads, 0, MOST_THREADS);
  check("streams", o.streams, 0, MOST_THREADS);
  check("device", o.device, -1, 1023);
  check("graphs", o.graphs, 0, 4096);
  check("check", o.check, 0, 1);
  check("memory", o.memory, 0, INT64_MAX);
  Options options;
  options.strategy = {o.strategy, o.limit, o.margin};
  options.engine = {o.threads,      o.streams,      o.device,      o.graphs,          o.check != 0,
                    text(o.engine), text(o.plugin), text(o.cache), text(o.precision), {o.log, o.log_user}};
  options.memory = o.memory;
  return options;
}

lama_call checked(const lama_call *given) {
  lama_call defaults;
  lama_call_init(&defaults, sizeof defaults);
  return known_part(given, defaults, "lama_call_init");
}

}  // namespace lama

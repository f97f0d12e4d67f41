// Runs the cases of files that tests/cpp/strategy_cases.py wrote: every line must be what Python does.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>

#include "strategy_case.h"

namespace {

bool is_as_expected(const StrategyCase &one) {
  const std::vector<std::string> lines = done(one);
  if (lines == one.expected) return true;
  size_t i = 0;
  while (i < std::min(lines.size(), one.expected.size()) && lines[i] == one.expected[i]) ++i;
  const auto line = [&](const std::vector<std::string> &of) { return i < of.size() ? of[i].c_str() : "(nothing)"; };
  std::fprintf(stderr, "case %s, line %zu:\n  Python: %s\n  C++:    %s\n", one.name.c_str(), i + 1, line(one.expected),
               line(lines));
  return false;
}

}  // namespace

int main(int count, char **files) try {
  int cases = 0, wrong = 0;
  StrategyCase one;
  for (int i = 1; i < count; ++i) {
    std::ifstream in(files[i]);
    for (; read_case(in, one); ++cases) wrong += !is_as_expected(one);
  }
  std::printf("%d cases, %d wrong\n", cases, wrong);
  return cases == 0 || wrong > 0;  // nothing to run is no success
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}

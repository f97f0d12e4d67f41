// Cases by which the strategies of Python and of this library are held together; tests/cpp/strategy_cases.py describes
// the lines and writes them.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include "backend.h"
#include "options.h"
#include "pictures.h"

struct StrategyCase {
  std::string name;
  lama::StrategyOptions options;
  lama::Capabilities capabilities;
  int64_t memory = 0;  // pixels, a byte each; 0: any
  // Of the engine: "right", "black" (it fills with nothing else), "alone" (it fails for several pictures), or "none":
  // pictures are planned alone.
  std::string manner;
  std::vector<uint32_t> seeds;  // of the pictures
  std::vector<lama::Hole> holes;
  std::vector<std::string> expected;  // lines
};

// The next case; false at the end. Throws std::runtime_error for what is no case.
bool read_case(std::istream &in, StrategyCase &read);

// What the library does with it, in the lines of `expected`.
std::vector<std::string> done(const StrategyCase &one);

// An engine in whole numbers that strategy_cases.py has too.
#pragma once

#include <string>
#include <vector>

#include "backend.h"

// Sums of what is known in a pixel's row and column, so that any other window shows. Known pixels come back changed:
// whoever keeps them does so himself.
class ToyEngine : public lama::Backend {
 public:
  // manner: as StrategyCase has it. told: gets a line for each run; outlives the engine.
  ToyEngine(const lama::Capabilities &capabilities, const std::string &manner, std::vector<std::string> &told,
            bool is_fixed = false)
      : capabilities_(capabilities), manner_(manner), told_(told), is_fixed_(is_fixed) {}

  const lama::Capabilities &capabilities() const override { return capabilities_; }
  void run(const lama::Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) override;
  std::unique_ptr<lama::Backend> fixed(const lama::Shape &) override {
    return std::make_unique<ToyEngine>(capabilities_, manner_, told_, true);
  }
  std::string name() const override { return "toy"; }
  std::string version() const override { return "1"; }
  std::string library() const override { return ""; }

 private:
  const lama::Capabilities capabilities_;
  const std::string manner_;
  std::vector<std::string> &told_;
  const bool is_fixed_;
};

#include "strategies/strategist.h"

#include <algorithm>

#include "strategies/running.h"

namespace lama {

namespace {

// What the engine gave, where the hole is.
void set_filled(const Picture &result, const Hole &hole, Picture &picture) {
  for (size_t i = 0; i < hole.values.size(); ++i)
    if (hole.values[i]) std::copy_n(&result.values[3 * i], 3, &picture.values[3 * i]);
}

}  // namespace

Strategist::Strategist(Backend &backend, const StrategyOptions &options, int64_t memory_limit, const Log &log)
    : options_(options),
      capabilities_(backend.capabilities()),
      log_(log),
      whole_(backend, memory_limit, log),
      run_([this](const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) {
        whole_.run(shape, images, masks, results);
      }) {}

Plan Strategist::plan(const Hole &hole) const {
  return planned(hole, options_, {options_.limit, whole_.most_pixels(), capabilities_});
}

std::vector<Picture> Strategist::fill(std::vector<Picture> pictures, const std::vector<Hole> &holes,
                                      const Progress &progress) {
  const bool equal =
      std::all_of(holes.begin(), holes.end(), [&](const Hole &hole) { return hole.size() == holes.front().size(); });
  if (equal && std::none_of(holes.begin(), holes.end(), has_hole)) return pictures;
  std::vector<Plan> plans;
  for (const Hole &hole : holes) plans.push_back(plan(hole));
  tell(plans);
  const bool cut = std::any_of(plans.begin(), plans.end(), [](const Plan &one) { return !one.steps.empty(); });
  if (equal && !cut)
    fill_batch(pictures, holes, progress);
  else
    fill_planned(pictures, holes, plans, progress);
  return pictures;
}

void Strategist::warm_up(const Shape &shape) {
  const size_t pixels = size_t(pixels_of(shape));
  if (double(pixels) > whole_.most_pixels())  // told before memory is taken for the pictures
    throw Error(LAMA_OUT_OF_MEMORY,
                "there is no memory for a run of so many pictures of this size; warm up with fewer "
                "or smaller ones, such as windows have");
  const std::vector<uint8_t> images(3 * pixels), masks(pixels, 1);  // all hole, which takes the most
  std::vector<uint8_t> results(3 * pixels);
  whole_.run(shape, images.data(), masks.data(), results.data());
}

void Strategist::fill_batch(std::vector<Picture> &pictures, const std::vector<Hole> &holes, const Progress &progress) {
  // As one where there is memory for it, else one by one.
  std::vector<Request> requests;
  for (size_t i = 0; i < pictures.size(); ++i) requests.push_back({Excerpt::of(pictures[i]), Excerpt::of(holes[i])});
  const double pixels = double(pictures.size()) * double(pixels_of(holes[0].size()));
  const size_t step = pixels > whole_.most_pixels() ? 1 : pictures.size();
  for (size_t start = 0; start < requests.size(); start += step) {
    Requests some;
    for (size_t i = start; i < start + step; ++i) some.push_back(&requests[i]);
    const std::vector<Picture> results = run_together(run_, some);
    for (size_t i = 0; i < step; ++i) set_filled(results[i], holes[start + i], pictures[start + i]);
    if (progress) progress(start + step, requests.size());
  }
}

void Strategist::fill_planned(std::vector<Picture> &pictures, const std::vector<Hole> &holes,
                              const std::vector<Plan> &plans, const Progress &progress) {
  std::vector<std::unique_ptr<Filling>> fillings;
  size_t done = 0, all = 0;
  for (size_t i = 0; i < pictures.size(); ++i) {
    all += plans[i].runs();
    if (plans[i].why == Why::EMPTY) continue;
    for (auto &one : plans[i].fillings(pictures[i], holes[i])) fillings.push_back(std::move(one));
  }
  run_fillings(
      run_, fillings, [this](const Size &size) { return together(size); },
      [&](size_t count) {
        done += count;
        if (progress) progress(done, all);
      });
}

int64_t Strategist::together(const Size &size) const {
  // How many windows of a size are a batch that the engine runs well, and that fits into memory.
  int64_t most = capabilities_.shapes.empty() ? capabilities_.batch : 0;
  for (const ShapeRange &one : capabilities_.shapes) most = std::max(most, one.largest[0]);
  const Shape part = capabilities_.part_for({most, size[0], size[1]});
  if (part[1] != size[0] || part[2] != size[1]) return 1;
  const double fits = std::min(double(most), whole_.most_pixels() / double(pixels_of(size)));
  return std::max<int64_t>(1, std::min(part[0], int64_t(fits)));
}

void Strategist::tell(const std::vector<Plan> &plans) {
  // What was asked for and is not so is a warning, once: many large photographs are no news with every one. Of plans
  // that say the same the last one.
  std::vector<const Plan *> news;
  for (const Plan &one : plans) {
    const auto same =
        std::find_if(news.begin(), news.end(), [&](const Plan *other) { return other->text() == one.text(); });
    if (same == news.end())
      news.push_back(&one);
    else
      *same = &one;
  }
  for (const Plan *one : news) {
    const std::string line = one->text() + ": " + one->windows();
    const bool unasked = one->why == Why::ENGINE && !said_engine_.exchange(true);
    unasked ? log_.warn(line) : log_.info(line);
  }
}

}  // namespace lama

#include "strategy_case.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>

#include "bundle/sha256.h"
#include "strategies/strategist.h"
#include "toy_engine.h"

namespace {

using lama::Hole;
using lama::Picture;

// As `pixels_of` of strategy_cases.py: slopes with a grain, without black.
Picture drawn(int64_t height, int64_t width, uint32_t seed) {
  Picture picture(height, width, 3);
  uint8_t *out = picture.values.data();
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < 3; ++c) {
        uint32_t grain = uint32_t(y) * 73856093u + uint32_t(x) * 19349663u + uint32_t(c) * 83492791u;
        grain += seed * 2654435761u;
        grain = (grain ^ (grain >> 15)) * 2246822519u;
        const int64_t slope = (y * (3 + seed % 5) + x * (2 + seed % 7)) / 4 + 40 * c;
        *out++ = uint8_t(20 + (slope + (grain >> 27)) % 220);
      }
  return picture;
}

void draw_hole(std::istream &words, Hole &hole, size_t index) {
  int64_t top, left, height, width;
  words >> top >> left >> height >> width;
  for (int64_t y = top; y < std::min(top + height, hole.height); ++y)
    for (int64_t x = left; x < std::min(left + width, hole.width); ++x) hole.row(y)[x] = uint8_t(1 + index * 37 % 255);
}

lama_strategy strategy_of(const std::string &name) {
  const std::map<std::string, lama_strategy> names{
      {"auto", LAMA_AUTO}, {"whole", LAMA_WHOLE}, {"crop", LAMA_CROP}, {"resize", LAMA_RESIZE}, {"tile", LAMA_TILE}};
  return names.at(name);
}

void read_engine(std::istream &words, StrategyCase &one) {
  int64_t fixed_from;
  words >> one.capabilities.batch >> one.capabilities.window >> one.memory >> fixed_from >> one.manner;
  if (fixed_from) one.capabilities.fixed_from = fixed_from;
  if (!one.memory) return;
  one.capabilities.memory = lama::Memory();
  one.capabilities.memory->per_pixel = 1;
  if (fixed_from) one.capabilities.memory->per_pixel_fixed = 0.5;
}

void read_range(std::istream &words, StrategyCase &one) {
  lama::ShapeRange range{};
  for (lama::Shape *shape : {&range.least, &range.best, &range.largest})
    for (int64_t &side : *shape) words >> side;
  one.capabilities.shapes.push_back(range);
}

void read_picture(std::istream &words, StrategyCase &one) {
  int64_t height, width;
  uint32_t seed;
  words >> height >> width >> seed;
  one.seeds.push_back(seed);
  one.holes.emplace_back(height, width, 1);
}

std::string words_of(const std::string &first, std::initializer_list<int64_t> numbers) {
  std::string line = first;
  for (const int64_t number : numbers) line += " " + std::to_string(number);
  return line;
}

void add_plan(const lama::Plan &plan, std::vector<std::string> &lines) {
  lines.push_back("plan " + plan.text() + ": " + plan.windows());
  for (const lama::Step &step : plan.steps) {
    const char *kind = step.kind == lama::Kind::CROP ? "crop" : step.kind == lama::Kind::TILE ? "tile" : "resize";
    const lama::Window &at = step.window;
    lines.push_back(
        words_of(std::string("step ") + kind, {at.top, at.left, at.height, at.width, step.size[0], step.size[1]}));
  }
}

void tell(void *lines, lama_log_level level, const char *line) {
  const std::string word = level == LAMA_LOG_WARNING ? "warning " : "info ";
  static_cast<std::vector<std::string> *>(lines)->push_back(word + line);
}

std::string checksum(const std::vector<uint8_t> &bytes) {
  lama::Sha256 sum;
  sum.update(bytes.data(), bytes.size());
  return sum.hex();
}

// Says how far it is after each run, up to all of it, where anything runs.
class Counted {
 public:
  void operator()(size_t done, size_t all) {
    if (done <= done_ || done > all) throw std::runtime_error("progress goes back, or beyond its end");
    done_ = done, all_ = all;
  }
  void check() const {
    if (done_ != all_) throw std::runtime_error("progress ends before its end");
  }

 private:
  size_t done_ = 0, all_ = 0;
};

std::vector<Picture> filled_by(lama::Strategist &strategist, const StrategyCase &one) {
  std::vector<Picture> pictures;
  for (size_t i = 0; i < one.holes.size(); ++i)
    pictures.push_back(drawn(one.holes[i].height, one.holes[i].width, one.seeds[i]));
  Counted counted;
  std::vector<Picture> filled = strategist.fill(std::move(pictures), one.holes, std::ref(counted));
  counted.check();
  return filled;
}

}  // namespace

bool read_case(std::istream &in, StrategyCase &read) {
  read = StrategyCase();
  std::string line, word, strategy;
  size_t holes = 0;
  for (bool expects = false; std::getline(in, line);) {
    std::istringstream words(line);
    words >> word;
    if (word == "end") return true;
    if (expects) {
      read.expected.push_back(line);
    } else if (word == "case") {
      words >> read.name;
    } else if (word == "options") {
      words >> strategy >> read.options.limit >> read.options.margin;
      read.options.strategy = strategy_of(strategy);
    } else if (word == "engine") {
      read_engine(words, read);
    } else if (word == "range") {
      read_range(words, read);
    } else if (word == "picture") {
      read_picture(words, read), holes = 0;
    } else if (word == "hole") {
      draw_hole(words, read.holes.back(), holes++);
    } else {
      expects = true;
    }
    if (words.fail()) throw std::runtime_error("not a line of a case: " + line);
  }
  return false;
}

std::vector<std::string> done(const StrategyCase &one) {
  std::vector<std::string> told, lines;
  ToyEngine engine(one.capabilities, one.manner, told);
  lama::Strategist strategist(engine, one.options, one.memory, {tell, &told});
  for (const Hole &hole : one.holes) add_plan(strategist.plan(hole), lines);
  if (one.manner == "none") return lines;
  try {
    const std::vector<Picture> filled = filled_by(strategist, one);
    lines.insert(lines.end(), told.begin(), told.end());
    for (const Picture &picture : filled) lines.push_back("filled " + checksum(picture.values));
  } catch (const lama::Error &error) {
    lines.push_back(error.status == LAMA_OUT_OF_MEMORY ? "fails memory" : "fails engine");
  }
  return lines;
}

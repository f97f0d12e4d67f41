#include "bundle/generator_json.h"

#include <algorithm>

#include "errors.h"

namespace lama {

namespace {

constexpr int64_t BRANCHES = 4;  // of a dilated trunk

struct Count {
  const char *name;
  int64_t Generator::*value;
  int64_t most;
};

constexpr Count COUNTS[] = {{"width", &Generator::width, 4096},
                            {"downsamplings", &Generator::downsamplings, 8},
                            {"blocks", &Generator::blocks, 512},
                            {"max_channels", &Generator::max_channels, 32768}};
constexpr const char *FIELDS[] = {"kind", "width", "downsamplings", "blocks", "ratio", "max_channels"};

void check_fields(const Json &values) {
  for (const auto &[name, value] : values.items())
    if (std::find(std::begin(FIELDS), std::end(FIELDS), name) == std::end(FIELDS))
      throw Fault("a generator has unknown fields, such as '" + brief(name) +
                  "'; allowed: kind, width, downsamplings, blocks, ratio, max_channels");
}

void read_kind(const Json &values, Generator &generator) {
  if (!values.contains("kind")) return;
  const Json &kind = values["kind"];
  if (kind != "ffc" && kind != "regular" && kind != "dilated")
    throw Fault("generator kind " + quoted(kind) + " is unknown; allowed: ffc, regular, dilated");
  generator.kind = kind.get<std::string>();
}

void read_count(const Json &values, const Count &count, Generator &generator) {
  if (!values.contains(count.name)) return;
  const Json &value = values[count.name];
  const bool is_whole = value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() < 1u << 31);
  if (!is_whole || value.get<int64_t>() < 1 || value.get<int64_t>() > count.most)
    throw Fault(std::string("generator ") + count.name + " is " + quoted(value) + "; it must be an integer from 1 to " +
                std::to_string(count.most));
  generator.*count.value = value.get<int64_t>();
}

void read_ratio(const Json &values, Generator &generator) {
  if (!values.contains("ratio")) return;
  if (!values["ratio"].is_number())
    throw Fault("generator ratio is " + quoted(values["ratio"]) + "; it must be a number between 0 and 1");
  generator.ratio = values["ratio"].get<double>();
}

void check_branches(const Generator &generator, const std::string &ratio) {
  const int64_t latent = generator.channels(generator.downsamplings);
  const bool is_share = 0 < generator.ratio && generator.ratio < 1;
  const int64_t global = is_share ? int64_t(double(latent) * generator.ratio) : 0;
  if (!is_share || latent - global < 1 || global < 2)
    throw Fault("ratio " + ratio + " of " + std::to_string(latent) +
                " trunk channels leaves a branch empty; it must give at least 1 local and 2 global channels (kind "
                "'regular' has no global branch)");
}

}  // namespace

Generator generator_of(const Json &values) {
  check_fields(values);
  Generator generator;
  read_kind(values, generator);
  for (const Count &count : COUNTS) read_count(values, count, generator);
  read_ratio(values, generator);
  if (generator.kind == "ffc")
    check_branches(generator, quoted(values.contains("ratio") ? values["ratio"] : Json(generator.ratio)));
  const int64_t latent = generator.channels(generator.downsamplings);
  if (generator.kind == "dilated" && latent % BRANCHES != 0)
    throw Fault("a dilated trunk of " + std::to_string(latent) +
                " channels cannot be split into 4 equal branches; use a multiple of 4");
  if (generator.width > generator.max_channels)
    throw Fault("generator width is " + std::to_string(generator.width) + ", and max_channels " +
                std::to_string(generator.max_channels) + "; it must be at least the width");
  return generator;
}

int64_t Generator::channels(int64_t level) const {
  return std::min(max_channels, width << level);
}

}  // namespace lama

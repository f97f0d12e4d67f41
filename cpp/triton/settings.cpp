#include "settings.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "bundle/json_text.h"
#include "triton_errors.h"

namespace lama::triton {

namespace {

constexpr const char *BUNDLE = "bundle";
constexpr const char *TEXTS[] = {"engine", "plugin", "cache", "precision"};
constexpr const char *STRATEGIES[] = {"auto", "whole", "crop", "resize", "tile"};  // as lama_strategy counts them
constexpr struct {
  const char *name;
  int32_t lama_options::*member;
} NUMBERS[] = {{"limit", &lama_options::limit},     {"margin", &lama_options::margin},
               {"threads", &lama_options::threads}, {"streams", &lama_options::streams},
               {"graphs", &lama_options::graphs},   {"check", &lama_options::check}};
constexpr const char *ALLOWED =
    "bundle, cache, check, engine, graphs, limit, margin, memory, plugin, precision, streams, strategy, threads, "
    "warm_up";

[[noreturn]] void refuse(const std::string &line) {
  throw Error(LAMA_INVALID_ARGUMENT, line);
}

// Its range is checked where the bundle is opened.
template <class Number>
Number number(const std::string &name, const std::string &value) {
  Number found = 0;
  const char *end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, found);
  if (read.ec != std::errc() || read.ptr != end)
    refuse("the parameter " + name + " is '" + brief(value, 60) + "'; give a whole number");
  return found;
}

lama_strategy strategy(const std::string &value) {
  const auto found = std::find(std::begin(STRATEGIES), std::end(STRATEGIES), value);
  if (found == std::end(STRATEGIES))
    refuse("the parameter strategy is '" + brief(value, 60) + "'; allowed: auto, whole, crop, resize, tile");
  return lama_strategy(found - std::begin(STRATEGIES));
}

// Of "512x512 1024x768".
std::vector<std::pair<int64_t, int64_t>> sizes(const std::string &value) {
  std::vector<std::pair<int64_t, int64_t>> found;
  std::istringstream words(value);
  for (std::string word; words >> word;) {
    const size_t cross = word.find('x');
    if (cross == std::string::npos)
      refuse("the parameter warm_up is '" + brief(value, 60) + "'; give sizes such as 512x512 1024x768");
    found.emplace_back(number<int64_t>("warm_up", word.substr(0, cross)),
                       number<int64_t>("warm_up", word.substr(cross + 1)));
  }
  // What an engine keeps of the largest serves the others too.
  std::sort(found.begin(), found.end(), [](const auto &a, const auto &b) {
    return double(a.first) * double(a.second) > double(b.first) * double(b.second);
  });
  return found;
}

// Whether there is a parameter of this name.
bool take(Settings &settings, const std::string &name, const std::string &value) {
  for (const auto &[known, member] : NUMBERS)
    if (name == known) return settings.options.*member = number<int32_t>(name, value), true;
  if (std::find(std::begin(TEXTS), std::end(TEXTS), name) != std::end(TEXTS)) return settings.texts[name] = value, true;
  if (name == "strategy") return settings.options.strategy = strategy(value), true;
  if (name == "memory") return settings.options.memory = number<int64_t>(name, value), true;
  if (name == "warm_up") return settings.warm_up = sizes(value), true;
  if (name == BUNDLE) return settings.bundle = value, true;
  return false;
}

void take_parameters(Settings &settings, const Json &model) {
  const Json parameters = model.value("parameters", Json::object());
  for (const auto &[name, value] : parameters.items())
    if (!take(settings, name, value.value("string_value", "")))
      refuse("config.pbtxt has the parameter " + brief(name, 60) + ", which is not known; allowed: " + ALLOWED);
}

// What the server adds to every backend's settings.
bool is_of_triton(const std::string &name) {
  return name == "auto-complete-config" || name == "backend-directory" || name == "min-compute-capability" ||
         name == "default-max-batch-size";
}

// Of --backend-config=lama,name=value.
void take_command_line(Settings &settings, const Json &server) {
  const Json given = server.value("cmdline", Json::object());
  for (const auto &[name, value] : given.items())
    if (!is_of_triton(name) && !(value.is_string() && take(settings, name, value.get<std::string>())))
      refuse("--backend-config=lama," + brief(name, 60) + " is not known; allowed: " + ALLOWED);
}

void check_tensors(const Json &model, const char *kind, const std::vector<std::string> &names) {
  const Json tensors = model.value(kind, Json::array());
  bool holds = tensors.size() == names.size();
  for (const Json &tensor : tensors)
    holds = holds && tensor.value("data_type", "") == "TYPE_UINT8" &&
            std::find(names.begin(), names.end(), tensor.value("name", "")) != names.end();
  if (!holds)
    refuse(std::string("config.pbtxt has another ") + kind + " than the backend; allowed: " + names[0] +
           (names.size() > 1 ? " and " + names[1] : "") + " of TYPE_UINT8");
}

void take_instances(Settings &settings, const Json &model) {
  const Json groups = model.value("instance_group", Json::array());
  for (const Json &group : groups) {
    const int count = group.value("count", 1);
    const Json gpus = group.value("gpus", Json::array());
    if (group.value("kind", "") != "KIND_GPU") settings.cpu_instances += count;
    for (const Json &gpu : gpus) settings.gpu_instances[gpu.get<int>()] += count;
  }
}

}  // namespace

int Settings::instances(int device) const {
  if (device < 0) return std::max(1, cpu_instances);
  const auto found = gpu_instances.find(device);
  return found == gpu_instances.end() ? 1 : std::max(1, found->second);
}

Settings read_settings(const std::string &model, const std::string &server) {
  Settings settings;
  settings.bundle = BUNDLE;
  lama_options_init(&settings.options, sizeof settings.options);
  try {
    take_command_line(settings, parsed(server));
    const Json config = parsed(model);
    take_parameters(settings, config);
    check_tensors(config, "input", {IMAGE, MASK});
    check_tensors(config, "output", {RESULT});
    take_instances(settings, config);
  } catch (const Json::exception &error) {
    refuse("the model's configuration is not as Triton documents it (" + brief(error.what()) + ")");
  } catch (const Fault &fault) {
    refuse("the model's configuration cannot be read (" + brief(fault.what()) + ")");
  }
  return settings;
}

}  // namespace lama::triton

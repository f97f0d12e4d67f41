#include "model.h"

#include "triton_errors.h"

namespace lama::triton {

namespace {

std::string text_of(TRITONSERVER_Message *message) {
  const std::unique_ptr<TRITONSERVER_Message, void (*)(TRITONSERVER_Message *)> held(
      message, [](TRITONSERVER_Message *one) { drop(TRITONSERVER_MessageDelete(one)); });
  const char *text = nullptr;
  size_t size = 0;
  check(TRITONSERVER_MessageSerializeToJson(message, &text, &size));
  return std::string(text, size);
}

Settings settings_of(TRITONBACKEND_Model *model) {
  TRITONBACKEND_Backend *backend = nullptr;
  TRITONSERVER_Message *server = nullptr, *config = nullptr;
  check(TRITONBACKEND_ModelBackend(model, &backend));
  check(TRITONBACKEND_BackendConfig(backend, &server));  // the backend's own, as long as it lives
  const char *text = nullptr;
  size_t size = 0;
  check(TRITONSERVER_MessageSerializeToJson(server, &text, &size));
  check(TRITONBACKEND_ModelConfig(model, 1, &config));
  return read_settings(text_of(config), std::string(text, size));
}

std::string folder_of(TRITONBACKEND_Model *model) {
  TRITONBACKEND_ArtifactType type;
  const char *folder = nullptr;
  uint64_t version = 0;
  check(TRITONBACKEND_ModelRepository(model, &type, &folder));
  check(TRITONBACKEND_ModelVersion(model, &version));
  return std::string(folder) + "/" + std::to_string(version) + "/";
}

// What was chosen for a picture is of every request; what looks wrong is not.
void tell(void *, lama_log_level level, const char *line) {
  say(level == LAMA_LOG_WARNING ? TRITONSERVER_LOG_WARN : TRITONSERVER_LOG_VERBOSE, line);
}

}  // namespace

Model::Model(TRITONBACKEND_Model *model) : folder_(folder_of(model)), settings_(settings_of(model)) {
  const char *name = nullptr;
  check(TRITONBACKEND_ModelName(model, &name));
  name_ = name;
}

lama_inpainter *Model::inpainter(int device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto &found = opened_[device];
  if (!found) found = open(device);
  return found.get();
}

Model::Inpainter Model::open(int device) const {
  lama_options options = settings_.options;
  options.device = device;
  if (options.streams == 0) options.streams = settings_.instances(device);
  const auto text = [&](const char *name) {
    const auto found = settings_.texts.find(name);
    return found == settings_.texts.end() ? nullptr : found->second.c_str();
  };
  options.engine = text("engine"), options.plugin = text("plugin");
  options.cache = text("cache"), options.precision = text("precision");
  options.log = tell;
  lama_inpainter *handle = nullptr;
  lama_error error;
  if (lama_load((folder_ + settings_.bundle).c_str(), &options, &handle, &error))
    throw Error(error.status, error.message);
  Inpainter inpainter(handle);
  lama_info info;
  lama_info_init(&info, sizeof info);
  lama_describe(handle, &info, nullptr);
  say(TRITONSERVER_LOG_INFO, name_ + ": " + info.precision + " with " + info.engine + " " + info.version + " (" +
                                 info.library + "), " + std::to_string(options.streams) + " at the same time");
  for (const auto &[width, height] : settings_.warm_up)
    if (lama_warm_up(handle, 1, height, width, &error)) throw Error(error.status, error.message);
  return inpainter;
}

}  // namespace lama::triton

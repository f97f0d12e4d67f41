// One opened engine: what the table of liblama_trt hands out.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_driver.h"
#include "engine.h"
#include "engines/trt_api.h"
#include "lane.h"
#include "log.h"

namespace lama {

// Functions may be called by several threads at once; each throws Error.
class Session {
 public:
  explicit Session(const lama_trt_options &options);
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  void describe(lama_trt_info &info) const;
  void run(const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results);
  void run_on_device(const Shape &shape, const Places &places, void *stream);

 private:
  class Borrowed;

  void open(const lama_trt_options &options);
  void forsake();
  int profile_for(const Shape &shape) const;
  void require_here(cuda::Address address, const char *what) const;

  const Log log_;
  const TrtLibrary library_;
  const cuda::Device device_;
  std::unique_ptr<Engine> engine_;
  std::vector<lama_trt_profile> profiles_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::deque<Lane *> free_;  // those that no call has, the longest idle first
};

}  // namespace lama

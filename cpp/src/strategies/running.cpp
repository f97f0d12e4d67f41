#include "strategies/running.h"

#include <algorithm>
#include <map>
#include <new>

#include "errors.h"
#include "strategies/results.h"

namespace lama {

namespace {

void run_checked(const Run &run, const Shape &shape, const uint8_t *images, const uint8_t *masks, uint8_t *results) {
  run(shape, images, masks, results);
  check_filled(shape, results, images, masks);
}

std::vector<uint8_t> stacked(const std::vector<Excerpt> &views) {
  const size_t each = size_t(views[0].place.pixels() * views[0].bytes->channels);
  std::vector<uint8_t> bytes(each * views.size());
  for (size_t i = 0; i < views.size(); ++i) views[i].copy_to(bytes.data() + i * each);
  return bytes;
}

// Nothing where they fail together: it may be for memory, or one of them alone.
std::vector<Picture> tried_together(const Run &run, const Requests &requests) {
  try {
    return run_together(run, requests);
  } catch (const Error &) {
  } catch (const std::bad_alloc &) {
  }
  return {};
}

class Driver {
 public:
  Driver(const Run &run, const std::vector<std::unique_ptr<Filling>> &fillings,
         const std::function<void(size_t)> &computed)
      : run_(run), fillings_(fillings), computed_(computed) {
    for (size_t i = 0; i < fillings.size(); ++i) go_on(i, nullptr);
  }

  bool is_done() const { return asked_.empty(); }
  Size size() const { return asked_.begin()->second->size(); }

  // The first windows of this size, at most so many.
  void answer(const Size &size, int64_t most) {
    std::vector<size_t> same;
    for (const auto &[index, request] : asked_)
      if (request->size() == size && int64_t(same.size()) < most) same.push_back(index);
    Requests requests;
    for (const size_t index : same) requests.push_back(asked_[index]);
    std::vector<Picture> answers;
    if (requests.size() > 1) answers = tried_together(run_, requests);
    if (!answers.empty()) computed_(answers.size());
    for (size_t i = 0; i < same.size(); ++i) {
      if (!answers.empty()) {
        go_on(same[i], &answers[i]);
        continue;
      }
      const std::vector<Picture> alone = run_together(run_, {requests[i]});
      computed_(1);
      go_on(same[i], &alone[0]);
    }
  }

 private:
  // Up to its next request, or its end.
  void go_on(size_t index, const Picture *answer) {
    if (const Request *request = fillings_[index]->next(answer))
      asked_[index] = request;
    else
      asked_.erase(index);
  }

  const Run &run_;
  const std::vector<std::unique_ptr<Filling>> &fillings_;
  const std::function<void(size_t)> &computed_;
  std::map<size_t, const Request *> asked_;
};

}  // namespace

std::vector<Picture> run_together(const Run &run, const Requests &requests) {
  const Size size = requests[0]->size();
  const size_t each = size_t(3 * pixels_of(size));
  std::vector<Excerpt> images, holes;
  for (const Request *one : requests) images.push_back(one->image), holes.push_back(one->hole);
  const Shape shape{int64_t(requests.size()), size[0], size[1]};
  std::vector<uint8_t> results(each * requests.size());
  if (requests.size() == 1 && images[0].is_all() && holes[0].is_all())  // as they are: large pictures are not copied
    run_checked(run, shape, images[0].bytes->values.data(), holes[0].bytes->values.data(), results.data());
  else
    run_checked(run, shape, stacked(images).data(), stacked(holes).data(), results.data());
  std::vector<Picture> pictures(requests.size());
  for (size_t i = 0; i < pictures.size(); ++i) {
    pictures[i].height = size[0], pictures[i].width = size[1], pictures[i].channels = 3;
    if (requests.size() == 1)
      pictures[i].values = std::move(results);
    else
      pictures[i].values.assign(results.begin() + int64_t(i * each), results.begin() + int64_t((i + 1) * each));
  }
  return pictures;
}

void run_fillings(const Run &run, const std::vector<std::unique_ptr<Filling>> &fillings,
                  const std::function<int64_t(const Size &)> &together, const std::function<void(size_t)> &computed) {
  Driver driver(run, fillings, computed);
  while (!driver.is_done()) {
    const Size size = driver.size();
    driver.answer(size, std::max<int64_t>(1, together(size)));
  }
}

}  // namespace lama

#include "control.h"

#include <map>
#include <mutex>

namespace fake {

namespace {

struct Record {
  std::mutex mutex;
  int calls = 0, failing = 0;
  std::string failed, broken;
  std::map<std::string, int> alive, times;
};

Record &record() {
  static Record &record = *new Record;  // other libraries still tell it of their ends when the process does
  return record;
}

}  // namespace

void fail_at(int call) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  record().calls = 0;
  record().failing = call;
  record().failed.clear();
}

int calls() {
  const std::lock_guard<std::mutex> lock(record().mutex);
  return record().calls;
}

bool fails(const char *function) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  if (++record().calls != record().failing) return false;
  record().failed = function;
  return true;
}

std::string failed() {
  const std::lock_guard<std::mutex> lock(record().mutex);
  return record().failed;
}

void broken(const std::string &rule) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  if (record().broken.empty()) record().broken = rule;
}

std::string first_broken() {
  const std::lock_guard<std::mutex> lock(record().mutex);
  return record().broken;
}

void born(const char *kind) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  ++record().alive[kind];
}

void gone(const char *kind) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  --record().alive[kind];
}

int alive(const char *kind) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  if (kind) return record().alive[kind];
  int all = 0;
  for (const auto &[name, count] : record().alive) all += count;
  return all;
}

void happened(const char *what) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  ++record().times[what];
}

int times(const char *what) {
  const std::lock_guard<std::mutex> lock(record().mutex);
  return record().times[what];
}

}  // namespace fake

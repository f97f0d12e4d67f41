// A GPU that computes as late as it may: work waits in its stream until somebody waits for it. Whoever forgets to wait
// finds nothing there.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cuda_functions.h"

using Work = std::function<void()>;
using Works = std::vector<Work>;

struct CUstream_st {
  std::deque<Work> waiting;
  int64_t enqueued = 0, done = 0;
  bool capturing = false, invalidated = false;
  std::thread::id capturer;
  Works captured;
};

struct CUevent_st {
  CUstream_st *stream = nullptr;
  int64_t mark = 0;  // of the stream's work, what the event stands after
};

struct CUgraph_st {
  Works works;
};

struct CUgraphExec_st {
  std::shared_ptr<Works> works;
};

struct CUctx_st {
  int ordinal = 0, retained = 0;
};

namespace fake {

constexpr int kDevices = 2;

struct Block {
  size_t size = 0;
  int ordinal = -1;  // -1: pinned memory of the host
};

// All of it under one lock: what is watched is order, not speed.
struct Machine {
  std::recursive_mutex mutex;
  CUctx_st primaries[kDevices];
  std::map<lama::cuda::Address, Block> blocks;
  std::vector<CUstream_st *> streams;
  CUstream_st legacy;
  size_t limit = 0;  // bytes of a device
};

Machine &machine();
CUstream_st *stream_of(lama::cuda::Stream handle);  // nullptr for one that is not there
void add(CUstream_st &stream, Work work);           // or captures it
void run_until(CUstream_st &stream, int64_t mark);
const Block *block_of(lama::cuda::Address address, size_t size);

}  // namespace fake

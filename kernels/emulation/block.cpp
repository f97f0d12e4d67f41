// One block of threads as fibers of one host thread.
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "emulated_device.h"
#include "warp_instructions.h"

namespace lama::emulation {
namespace {

constexpr int kWarp = 32;
constexpr size_t kStack = 64 * 1024;
constexpr unsigned kMostBlocksAcross = 65535;

[[noreturn]] void die(const char *what) {
  std::fprintf(stderr, "emulated kernel: %s\n", what);
  std::abort();
}

struct Copy {
  void *shared;
  const void *global;
  bool valid;
};

constexpr const char *kSync = "sync";

enum class State { kReady, kInWarp, kAtBarrier, kDone };

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStack]};
  State state = State::kReady;
  int stores = 0;  // since its warp last met
  std::vector<std::vector<Copy>> committed;
  std::vector<Copy> started;
};

struct Warp {
  int arrived = 0;
  const char *instruction = nullptr;
  std::array<void *, kWarp> operands;
};

class Block {
 public:
  Block(int threads, size_t shared_bytes, const std::function<void(unsigned char *)> &body)
      : fibers_(threads), warps_(threads / kWarp), shared_bytes_(shared_bytes), body_(body) {
    const char *order = std::getenv("LAMA_EMULATION_ORDER");
    descending_ = order != nullptr && order[0] == 'd';
  }

  void run(uint3 index);

  int current = 0;
  uint3 index{};
  Fiber &fiber() { return fibers_[current]; }

  void yield(State state) {
    fiber().state = state;
    swapcontext(&fiber().context, &scheduler_);
  }

  template <class Operands>
  void together(const char *instruction, Operands &mine, void (*execute)(const std::array<void *, kWarp> &)) {
    Warp &warp = warps_[current / kWarp];
    if (warp.arrived == 0) warp.instruction = instruction;
    if (warp.instruction != instruction) die("the lanes of a warp met in different instructions");
    warp.operands[current % kWarp] = &mine;
    if (++warp.arrived < kWarp) return yield(State::kInWarp);
    Fiber *lanes = &fibers_[current / kWarp * kWarp];
    const bool parted = std::any_of(lanes, lanes + kWarp, [&](Fiber &lane) { return lane.stores != lanes->stores; });
    if (parted && instruction != kSync) die("the lanes of a warp had parted before a matrix instruction");
    execute(warp.operands);
    warp.arrived = 0;
    for (int lane = 0; lane < kWarp; ++lane) meet(lanes[lane]);
  }

 private:
  static void entry();
  static void meet(Fiber &fiber) {
    fiber.state = State::kReady;
    fiber.stores = 0;
  }
  void start(int thread);
  void run_warp(int warp);

  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  size_t shared_bytes_;
  const std::function<void(unsigned char *)> &body_;
  unsigned char *shared_ = nullptr;
  bool descending_ = false;
  ucontext_t scheduler_{};
};

thread_local Block *block = nullptr;

void Block::entry() {
  block->body_(block->shared_);
  block->fiber().state = State::kDone;
}

void Block::start(int thread) {
  Fiber &fiber = fibers_[thread];
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = &scheduler_;
  makecontext(&fiber.context, entry, 0);
  meet(fiber);
  fiber.committed.clear();
  fiber.started.clear();
}

// Until every lane is done or at the block's barrier.
void Block::run_warp(int warp) {
  for (bool moved = true; moved;) {
    moved = false;
    for (int lane = 0; lane < kWarp; ++lane) {
      current = warp * kWarp + lane;
      if (fiber().state != State::kReady) continue;
      moved = true;
      swapcontext(&scheduler_, &fiber().context);
    }
  }
  if (warps_[warp].arrived != 0) die("some lanes of a warp never came to an instruction that others wait in");
}

void Block::run(uint3 at) {
  index = at;
  void *memory = nullptr;  // exactly so long that a sanitizer sees the end
  if (posix_memalign(&memory, 128, shared_bytes_) != 0) die("no host memory");
  const std::unique_ptr<void, decltype(&std::free)> shared(memory, std::free);
  shared_ = static_cast<unsigned char *>(memory);
  std::memset(shared_, 0xff, shared_bytes_);
  for (size_t thread = 0; thread < fibers_.size(); ++thread) start(int(thread));
  for (bool waiting = true; waiting;) {
    for (size_t i = 0; i < warps_.size(); ++i) run_warp(int(descending_ ? warps_.size() - 1 - i : i));
    waiting = false;
    for (Fiber &fiber : fibers_) {
      if (fiber.state != State::kAtBarrier) continue;
      meet(fiber);
      waiting = true;
    }
  }
}

}  // namespace

void warp_load(MatrixLoad load) {
  block->together("load", load, execute_load);
}

void warp_multiply(MatrixProduct product) {
  block->together("multiply", product, execute_multiply);
}

void wait_copies(int pending) {
  auto &groups = block->fiber().committed;
  while (groups.size() > size_t(pending)) {
    for (const Copy &copy : groups.front()) {
      if (copy.valid) {
        std::memcpy(copy.shared, copy.global, 16);
      } else {
        std::memset(copy.shared, 0, 16);
      }
    }
    groups.erase(groups.begin());
  }
}

cudaError_t run_grid(dim3 grid, int threads, size_t shared_bytes, const std::function<void(unsigned char *)> &body) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > kMostBlocksAcross || grid.z > kMostBlocksAcross ||
      threads % kWarp != 0) {
    return cudaErrorInvalidConfiguration;
  }
  Block running(threads, shared_bytes, body);
  block = &running;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) running.run(uint3{x, y, z});
    }
  }
  block = nullptr;
  return cudaSuccess;
}

}  // namespace lama::emulation

namespace lama {

int thread_index() {
  return emulation::block->current;
}
uint3 block_index() {
  return emulation::block->index;
}
void sync_threads() {
  emulation::block->yield(emulation::State::kAtBarrier);
}
void sync_warp() {
  emulation::block->together(emulation::kSync, emulation::block->fiber(), [](const std::array<void *, 32> &) {});
}
void mark_store() {
  ++emulation::block->fiber().stores;
}
void copy_async(void *shared, const void *global, bool valid) {
  emulation::block->fiber().started.push_back({shared, global, valid});
}
void commit_copies() {
  emulation::Fiber &fiber = emulation::block->fiber();
  fiber.committed.push_back(std::move(fiber.started));
  fiber.started.clear();
}

}  // namespace lama

// The primitives of src/device.h on a CPU: every thread of a block is a fiber, and waits where a GPU's thread would.
//
// What this checks is what a GPU would compute from the same source: index arithmetic, operand layouts, who waits for
// whom. Shared memory starts as NaN, asynchronous copies happen as late as they may, and warps run one after the other
// (in the order that $LAMA_EMULATION_ORDER names: ascending or descending), so a missing barrier shows as a wrong
// result. Lanes of a warp that have stored differently often since they last met have parted: a matrix instruction
// without sync_warp ends the test then.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>
#include <vector_functions.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#define LAMA_DEVICE inline

namespace lama::emulation {

// What the lanes of one warp give to, and get from, one warp-wide instruction.
struct MatrixLoad {
  uint32_t *values;  // 4
  const void *row;
  bool transposed;
};
struct MatrixProduct {
  float *sum;  // 4
  uint32_t a[4], b[2];
  bool bfloat16;
};

void warp_load(MatrixLoad load);
void warp_multiply(MatrixProduct product);
void wait_copies(int pending);

// Run `body` as every thread of every block. Returns what a launch would.
cudaError_t run_grid(dim3 grid, int threads, size_t shared_bytes, const std::function<void(unsigned char *)> &body);

}  // namespace lama::emulation

namespace lama {

int thread_index();
uint3 block_index();
void sync_threads();
void sync_warp();
void mark_store();
void copy_async(void *shared, const void *global, bool valid);
void commit_copies();

template <int kPending>
void wait_copies() {
  emulation::wait_copies(kPending);
}

inline void load_matrices(uint32_t (&values)[4], const void *row) {
  emulation::warp_load({values, row, false});
}
inline void load_matrices_transposed(uint32_t (&values)[4], const void *row) {
  emulation::warp_load({values, row, true});
}

template <class T>
void multiply_accumulate(float (&sum)[4], const uint4 &a, uint32_t b0, uint32_t b1) {
  emulation::warp_multiply({sum, {a.x, a.y, a.z, a.w}, {b0, b1}, std::is_same_v<T, __nv_bfloat16>});
}

}  // namespace lama

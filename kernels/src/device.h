// The device primitives that the programs are written with.
//
// A program is a struct with `Parameters` (passed by value), `kThreads`, `kBlocks` (that a multiprocessor has registers
// for, at least) and `static void run(parameters, shared)`. It uses nothing of CUDA but what is declared here, so that
// emulation/ can run the same source on a CPU, thread by thread.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <vector_types.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#if defined(LAMA_EMULATED)
#include "../emulation/emulated_device.h"
#else

#define LAMA_DEVICE __device__ __forceinline__

namespace lama {

LAMA_DEVICE int thread_index() {
  return int(threadIdx.x);
}
LAMA_DEVICE uint3 block_index() {
  return blockIdx;
}
LAMA_DEVICE void sync_threads() {
  __syncthreads();
}
// Nothing, on a device: the emulation counts each lane's stores, to see where the lanes of a warp have parted.
LAMA_DEVICE void mark_store() {}

// The lanes of a warp together again, which may have parted at a branch: before instructions of a whole warp.
LAMA_DEVICE void sync_warp() {
  __syncwarp();
}

LAMA_DEVICE uint32_t shared_address(const void *pointer) {
  return uint32_t(__cvta_generic_to_shared(pointer));
}

// Four 8x8 matrices of 16-bit values. Lane l gives the address of row l % 8 of matrix l / 8, and gets values 2 (l % 4)
// and 2 (l % 4) + 1 of row l / 4 of each.
LAMA_DEVICE void load_matrices(uint32_t (&values)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(values[0]), "=r"(values[1]), "=r"(values[2]), "=r"(values[3])
               : "r"(shared_address(row)));
}

// The same, each matrix transposed.
LAMA_DEVICE void load_matrices_transposed(uint32_t (&values)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(values[0]), "=r"(values[1]), "=r"(values[2]), "=r"(values[3])
               : "r"(shared_address(row)));
}

// sum (16x8, float32) += a (16x16, row by row) * b (16x8, column by column): PTX ISA, mma.m16n8k16.
template <class T>
LAMA_DEVICE void multiply_accumulate(float (&sum)[4], const uint4 &a, uint32_t b0, uint32_t b1) {
#if __CUDA_ARCH__ < 800
  __trap();  // prepare refuses such devices; the library holds code for them all the same
#else
  if constexpr (std::is_same_v<T, __half>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
  }
#endif
}

// Start copying 16 bytes to shared memory; zeros where not `valid` (`global` is not read then, but must be an address).
LAMA_DEVICE void copy_async(void *shared, const void *global, bool valid) {
#if __CUDA_ARCH__ < 800
  __trap();
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid ? 16 : 0)
               : "memory");
#endif
}
LAMA_DEVICE void commit_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Wait until at most kPending of this thread's committed groups are under way. Other threads see them after a sync.
template <int kPending>
LAMA_DEVICE void wait_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

}  // namespace lama
#endif

namespace lama {

LAMA_DEVICE float to_float(float value) {
  return value;
}
LAMA_DEVICE float to_float(__half value) {
  return __half2float(value);
}
LAMA_DEVICE float to_float(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

template <class T>
LAMA_DEVICE T from_float(float value);
template <>
LAMA_DEVICE float from_float<float>(float value) {
  return value;
}
template <>
LAMA_DEVICE __half from_float<__half>(float value) {
  return __float2half_rn(value);
}
template <>
LAMA_DEVICE __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// kCount values that are read and written at once; the address is a multiple of their size.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T values[kCount];
  LAMA_DEVICE T &operator[](int i) { return values[i]; }
  LAMA_DEVICE const T &operator[](int i) const { return values[i]; }
};

template <class T, int kCount>
LAMA_DEVICE Vector<T, kCount> load_vector(const T *from) {
  return *reinterpret_cast<const Vector<T, kCount> *>(from);
}
template <class T, int kCount>
LAMA_DEVICE void store_vector(T *to, const Vector<T, kCount> &values) {
  mark_store();
  *reinterpret_cast<Vector<T, kCount> *>(to) = values;
}

}  // namespace lama

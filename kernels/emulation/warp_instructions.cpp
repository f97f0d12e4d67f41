#include "warp_instructions.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "emulated_device.h"

namespace lama::emulation {
namespace {

// Value `i` (0 or 1) of a register of two 16-bit floats.
float value_of(uint32_t pair, int i, bool bfloat16) {
  const uint16_t bits = uint16_t(pair >> (16 * i));
  if (bfloat16) return __bfloat162float(__nv_bfloat16(__nv_bfloat16_raw{bits}));
  return __half2float(__half(__half_raw{bits}));
}

const MatrixProduct &product_of(const std::array<void *, 32> &lanes, int lane) {
  return *static_cast<const MatrixProduct *>(lanes[lane]);
}

}  // namespace

void execute_load(const std::array<void *, 32> &lanes) {
  const auto load = [&](int lane) { return static_cast<const MatrixLoad *>(lanes[lane]); };
  uint16_t matrices[4][8][8];
  for (int lane = 0; lane < 32; ++lane) {
    if (reinterpret_cast<uintptr_t>(load(lane)->row) % 16 != 0) __builtin_trap();  // a GPU refuses it too
    std::memcpy(matrices[lane / 8][lane % 8], load(lane)->row, 16);
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int matrix = 0; matrix < 4; ++matrix) {
      uint32_t pair = 0;
      for (int i = 0; i < 2; ++i) {
        const int row = lane / 4, column = lane % 4 * 2 + i;
        const uint16_t value = load(lane)->transposed ? matrices[matrix][column][row] : matrices[matrix][row][column];
        pair |= uint32_t(value) << (16 * i);
      }
      load(lane)->values[matrix] = pair;
    }
  }
}

void execute_multiply(const std::array<void *, 32> &lanes) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    const MatrixProduct &product = product_of(lanes, lane);
    const int group = lane / 4, pair = lane % 4 * 2;
    for (int i = 0; i < 8; ++i) {
      a[group + i / 2 % 2 * 8][pair + i % 2 + i / 4 * 8] = value_of(product.a[i / 2], i % 2, product.bfloat16);
    }
    for (int i = 0; i < 4; ++i) {
      b[pair + i % 2 + i / 2 * 8][group] = value_of(product.b[i / 2], i % 2, product.bfloat16);
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      float sum = product_of(lanes, lane).sum[i];
      for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
      product_of(lanes, lane).sum[i] = sum;
    }
  }
}

}  // namespace lama::emulation

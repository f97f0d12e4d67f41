// The channel mixing: out = relu(z @ weight^T + scale * bias), one matrix product with its epilogue, on tensor cores.
// The first point of every image, its mean, has a scale of its own (gain.h).
#pragma once

#include "device.h"

namespace lama {

struct MixingParameters {
  const void *z;       // rows x channels
  const void *weight;  // channels x channels, row by output
  const void *bias;
  void *out;
  int rows, channels;  // channels: real and imaginary ones, a multiple of 16
  int points;          // rows of one image
  float bias_scale, mean_bias_scale;
};

// A block makes kRows x kOutputs of the result with kThreads / 64 x 2 warps. grid: (rows / kRows, outputs / kOutputs),
// rounded up.
template <class T, int kRows, int kOutputs>
struct MixingProgram {
  using Parameters = MixingParameters;
  static constexpr int kThreads = kRows * kOutputs > 64 * 64 ? 256 : 128;
  static constexpr int kBlocks = 512 / kThreads;
  static constexpr int kDepth = 32;          // input channels of one stage
  static constexpr int kPitch = kDepth + 8;  // no bank conflicts in load_matrices
  static constexpr int kStages = kRows * kOutputs > 64 * 64 ? 4 : 6;
  static constexpr int kVector = 8;
  static constexpr int kRowTiles = kRows / 16 / (kThreads / 64),
                       kPairs = kOutputs / 32;  // of a warp: 16 rows; 16 outputs
  static constexpr size_t kSharedBytes = size_t(kStages) * (kRows + kOutputs) * kPitch * sizeof(T);

  static LAMA_DEVICE void run(const Parameters &p, unsigned char *shared) {
    const MixingProgram program{p, reinterpret_cast<T *>(shared), int(block_index().x) * kRows,
                                int(block_index().y) * kOutputs};
    float sums[kRowTiles][2 * kPairs][4] = {};
    const int steps = (p.channels + kDepth - 1) / kDepth;
    for (int step = 0; step < kStages - 1; ++step) {
      if (step < steps) program.stage(step);
      commit_copies();
    }
    for (int step = 0; step < steps; ++step) {
      wait_copies<kStages - 2>();
      sync_threads();  // the step's values are there, and nobody reads the stage that is filled next
      if (step + kStages - 1 < steps) program.stage(step + kStages - 1);
      commit_copies();
      sync_warp();  // matrices are loaded by all lanes together
      program.multiply(step % kStages, sums);
    }
    program.store(sums);
  }

  // Members are what the parts of run share.
  const Parameters &p;
  T *shared;
  int first_row, first_output;

 private:
  static constexpr int kVectors = kDepth / kVector;   // of one line of a stage
  static constexpr int kLines = kThreads / kVectors;  // that all threads copy a vector of, at once
  static_assert(kRows % kLines == 0 && kOutputs % kLines == 0);
  static_assert(kLines % 16 == 0);  // what `interleaved` leaves as it is

  LAMA_DEVICE T *rows_of(int stage) const { return shared + stage * (kRows + kOutputs) * kPitch; }
  LAMA_DEVICE T *weights_of(int stage) const { return rows_of(stage) + kRows * kPitch; }

  // A thread copies the same vector of every kLines-th line: addresses are sums, where a division for each copy once
  // took most of the kernel's instructions.
  LAMA_DEVICE void stage(int step) const {
    const int line = thread_index() / kVectors, offset = thread_index() % kVectors * kVector;
    const int channel = step * kDepth + offset, row = first_row + line, output = first_output + line;
    const T *z = static_cast<const T *>(p.z) + size_t(row) * p.channels + channel;
    const T *weight = static_cast<const T *>(p.weight) + size_t(output) * p.channels + channel;
    T *rows = rows_of(step % kStages) + line * kPitch + offset;
    T *weights = weights_of(step % kStages) + interleaved(line) * kPitch + offset;
#pragma unroll
    for (int i = 0; i < kRows; i += kLines) {
      const bool valid = channel < p.channels && row + i < p.rows;
      copy_async(rows + i * kPitch, valid ? z + i * p.channels : p.z, valid);
    }
#pragma unroll
    for (int i = 0; i < kOutputs; i += kLines) {
      const bool valid = channel < p.channels && output + i < p.channels;
      copy_async(weights + i * kPitch, valid ? weight + i * p.channels : p.weight, valid);
    }
  }

  // Where output `line` is kept, so that a lane's results are four neighbours (as in dft_program.h).
  static LAMA_DEVICE int interleaved(int line) {
    const int pair = line % 16 / 2;
    return line / 16 * 16 + (4 * (pair % 2) + pair / 2) * 2 + line % 2;
  }

  LAMA_DEVICE void multiply(int stage, float (&sums)[kRowTiles][2 * kPairs][4]) const {
    const int lane = thread_index() % 32, warp = thread_index() / 32;
    const T *rows = rows_of(stage) + (warp / 2 * kRowTiles * 16 + lane % 16) * kPitch + lane / 16 * 8;
    const T *weights =
        weights_of(stage) + (warp % 2 * kPairs * 16 + lane / 16 * 8 + lane % 8) * kPitch + lane / 8 % 2 * 8;
#pragma unroll
    for (int depth = 0; depth < kDepth; depth += 16) {
      uint32_t a[kRowTiles][4], b[kPairs][4];
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) load_matrices(a[m], rows + m * 16 * kPitch + depth);
#pragma unroll
      for (int n = 0; n < kPairs; ++n) load_matrices(b[n], weights + n * 16 * kPitch + depth);
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
        for (int n = 0; n < 2 * kPairs; ++n) {
          const uint4 rows_operand = make_uint4(a[m][0], a[m][1], a[m][2], a[m][3]);
          multiply_accumulate<T>(sums[m][n], rows_operand, b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
        }
      }
    }
  }

  LAMA_DEVICE void store(const float (&sums)[kRowTiles][2 * kPairs][4]) const {
    const int lane = thread_index() % 32, warp = thread_index() / 32;
    const T *bias = static_cast<const T *>(p.bias);
    const int row_of_lane = first_row + warp / 2 * kRowTiles * 16 + lane / 4;
    unsigned means = 0;  // bit i: this lane's row 8 i
#pragma unroll
    for (int i = 0; i < 2 * kRowTiles; ++i) means |= unsigned((row_of_lane + 8 * i) % p.points == 0) << i;
#pragma unroll
    for (int n = 0; n < kPairs; ++n) {
      const int output = first_output + (warp % 2 * kPairs + n) * 16 + lane % 4 * 4;
      if (output >= p.channels) continue;
      const auto offsets = load_vector<T, 4>(bias + output);
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int row = row_of_lane + m * 16 + half * 8;
          if (row >= p.rows) continue;
          const float scale = means >> (2 * m + half) & 1 ? p.mean_bias_scale : p.bias_scale;
          Vector<T, 4> values;
          for (int i = 0; i < 4; ++i) {
            const float sum = sums[m][2 * n + i / 2][2 * half + i % 2] + to_float(offsets[i]) * scale;
            values[i] = from_float<T>(sum < 0.0f ? 0.0f : sum);  // NaN passes, as in every framework's ReLU
          }
          store_vector(static_cast<T *>(p.out) + size_t(row) * p.channels + output, values);
        }
      }
    }
  }
};

}  // namespace lama

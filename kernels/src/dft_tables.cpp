#include "dft_tables.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstring>

namespace lama {
namespace {

template <class T>
uint16_t bits(T value) {
  static_assert(sizeof(T) == 2);
  uint16_t found;
  std::memcpy(&found, &value, sizeof found);
  return found;
}

// C (or S) at [f][s]; the angle is reduced in integers, so that long transforms lose nothing.
double entry(int length, int f, int s, bool sine) {
  if (f >= folded_points(length) || s >= folded_points(length)) return 0;
  const bool alone = s == 0 || 2 * s == length;
  if (sine && alone) return 0;
  const double turns = double(int64_t(f) * s % length) / length;
  const double angle = 2 * std::acos(-1.0) * turns;
  return (alone ? 1 : 2) * (sine ? std::sin(angle) : std::cos(angle));
}

}  // namespace

std::vector<uint16_t> dft_table(int length, bool bfloat16) {
  std::vector<uint16_t> table;
  table.reserve(table_units(length) * 8);
  for (int out = 0; out < table_groups(length) * kTilesPerGroup; ++out) {
    for (int in = 0; in < table_tiles(length); ++in) {
      for (const bool sine : {false, true}) {
        for (int lane = 0; lane < kTableLanes; ++lane) {
          for (int i = 0; i < 8; ++i) {
            const int row = lane / 4 + 8 * (i / 2 % 2), column = 2 * (lane % 4) + i % 2 + 8 * (i / 4);
            const float value = float(entry(length, out * kTile + row, in * kTile + column, sine));
            table.push_back(bfloat16 ? bits(__float2bfloat16_rn(value)) : bits(__float2half_rn(value)));
          }
        }
      }
    }
  }
  return table;
}

}  // namespace lama

// The matrices of the tensor-core transforms, ready to be read as operands.
//
// A sequence of L points is folded about its first point: even part e[s] = (a[s] + a[L-s]) / 2 and odd part
// o[s] = (a[s] - a[L-s]) / 2 for s = 0..L/2. Then every transform of it, any L, primes too, is a sum of
//     C e  and  S o,   C[f][s] = m cos(2 pi f s / L),  S[f][s] = m sin(2 pi f s / L),   f = 0..L/2,
// m = 2, and m = 1 (S: 0) where s = L-s (mod L). Output f and L-f share both products: half the points in, half out, so
// a complex transform has a quarter of a dense product's multiplications.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lama {

inline constexpr int kTile = 16;          // points to a side of an operand tile
inline constexpr int kTilesPerGroup = 3;  // output tiles that a warp holds at once
inline constexpr int kTableLanes = 32;    // 16 bytes each: one tile of one matrix

inline constexpr int folded_points(int length) {
  return length / 2 + 1;
}
inline constexpr int table_tiles(int length) {
  return (folded_points(length) + kTile - 1) / kTile;
}
inline constexpr int table_groups(int length) {
  return (table_tiles(length) + kTilesPerGroup - 1) / kTilesPerGroup;
}
// 16-byte units: [output tile][input tile][C, S][lane].
inline constexpr size_t table_units(int length) {
  return size_t(table_groups(length)) * kTilesPerGroup * table_tiles(length) * 2 * kTableLanes;
}

// The table's 16-bit values, 8 to a unit, in the order of mma.m16n8k16's row-major operand (PTX ISA): lane l holds rows
// l/4 and l/4 + 8, columns 2(l%4), +1, +8, +9. Zero beyond L/2. bfloat16: float16 otherwise.
std::vector<uint16_t> dft_table(int length, bool bfloat16);

}  // namespace lama

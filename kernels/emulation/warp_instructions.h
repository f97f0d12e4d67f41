// What a warp's matrix instructions do, from the operands of its 32 lanes (PTX ISA: ldmatrix, mma.m16n8k16).
#pragma once

#include <array>

namespace lama::emulation {

// Pointers to each lane's MatrixLoad.
void execute_load(const std::array<void *, 32> &lanes);

// Pointers to each lane's MatrixProduct.
void execute_multiply(const std::array<void *, 32> &lanes);

}  // namespace lama::emulation

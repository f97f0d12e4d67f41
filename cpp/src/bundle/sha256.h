// SHA-256, FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace lama {

class Sha256 {
 public:
  // fast: by the CPU's own instructions, where it has them; false for the tests of the other way.
  explicit Sha256(bool fast = true);

  void update(const void *data, size_t bytes);
  std::string hex();  // of all that was given; nothing can be added after it

 private:
  using Blocks = void (*)(std::array<uint32_t, 8> &state, const uint8_t *data, size_t count);

  Blocks blocks_;
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> rest_{};
  uint64_t bytes_ = 0;
};

}  // namespace lama

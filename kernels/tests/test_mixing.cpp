// Both tiles of the mixing, edges included, against plain sums: the large one is chosen only for maps too large to
// emulate.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "launch.h"
#include "mixing_program.h"

namespace {

using Values = std::vector<__half>;

Values random_values(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  Values values;
  for (size_t i = 0; i < count; ++i) values.push_back(__float2half_rn(normal(random)));
  return values;
}

template <class Program>
bool right(int rows, int channels, int side) {
  const Values z = random_values(size_t(rows) * channels, 1), weight = random_values(size_t(channels) * channels, 2);
  const Values bias = random_values(channels, 3);
  Values out(size_t(rows) * channels, __float2half_rn(NAN));
  const int points = 23;  // of one image: its first has another scale
  const float bias_scale = 0.5f, mean_bias_scale = 2;
  const lama::MixingParameters p{z.data(), weight.data(), bias.data(), out.data(),     rows,
                                 channels, points,        bias_scale,  mean_bias_scale};
  const dim3 grid((rows + side - 1) / side, (channels + side - 1) / side);
  if (lama::allow_shared<Program>(Program::kSharedBytes) != LAMA_SPECTRAL_OK) return false;
  if (lama::launch<Program>(grid, Program::kSharedBytes, nullptr, p) != cudaSuccess) return false;
  for (int row = 0; row < rows; ++row) {
    for (int output = 0; output < channels; ++output) {
      double sum = (row % points == 0 ? mean_bias_scale : bias_scale) * __half2float(bias[output]);
      for (int i = 0; i < channels; ++i) {
        sum +=
            double(__half2float(z[size_t(row) * channels + i])) * __half2float(weight[size_t(output) * channels + i]);
      }
      const double expected = sum < 0 ? 0 : sum, found = __half2float(out[size_t(row) * channels + output]);
      if (!(std::abs(found - expected) <= 1e-3 * (1 + expected))) {
        std::printf("failed: row %d, output %d: %g instead of %g\n", row, output, found, expected);
        return false;
      }
    }
  }
  return true;
}

}  // namespace

int main() {
  const bool small = right<lama::MixingProgram<__half, 64, 64>>(70, 80, 64);
  const bool large = right<lama::MixingProgram<__half, 128, 128>>(133, 144, 128);
  return !(small && large);
}

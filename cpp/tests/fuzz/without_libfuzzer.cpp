// For compilers without libFuzzer: runs the inputs of a folder, then COUNT mutations of them from a seed.
//
//     fuzz_bundle FOLDER COUNT
#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "fuzz.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

std::vector<Bytes> inputs_of(const std::filesystem::path &folder) {
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Bytes> inputs;
  for (const auto &file : files) {
    std::ifstream stream(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  return inputs;
}

// A few bytes or runs of them changed, lost, doubled, or exchanged for another input's.
Bytes mutated(Bytes bytes, const Bytes &other, std::mt19937 &random) {
  for (unsigned count = 1 + random() % 4; count > 0; --count) {
    const std::size_t at = bytes.empty() ? 0 : random() % bytes.size();
    const auto place = bytes.begin() + std::ptrdiff_t(at);
    const std::size_t length = std::min<std::size_t>(1 + random() % 32, bytes.size() - at);
    switch (random() % 5) {
      case 0:
        if (!bytes.empty()) *place = std::uint8_t(random());
        break;
      case 1:
        bytes.erase(place, place + std::ptrdiff_t(length));
        break;
      case 2: {
        const Bytes run(place, place + std::ptrdiff_t(length));
        bytes.insert(place, run.begin(), run.end());
        break;
      }
      case 3:
        for (std::size_t i = 0; i < 8; ++i) bytes.insert(bytes.begin() + std::ptrdiff_t(at), std::uint8_t(random()));
        break;
      default:
        if (!other.empty()) bytes.insert(place, other.begin() + std::ptrdiff_t(random() % other.size()), other.end());
    }
    if (bytes.size() > 1 << 16) bytes.resize(1 << 16);
  }
  return bytes;
}

}  // namespace

int main(int count, char **words) {
  require(count == 3, "usage", "FOLDER COUNT");
  const std::vector<Bytes> inputs = inputs_of(words[1]);
  require(!inputs.empty(), "no inputs", words[1]);
  for (const Bytes &input : inputs) LLVMFuzzerTestOneInput(input.data(), input.size());
  std::mt19937 random(7);
  for (long done = std::atol(words[2]); done > 0; --done) {
    const Bytes input = mutated(inputs[random() % inputs.size()], inputs[random() % inputs.size()], random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::puts("no finding");
  return 0;
}

#include "engines/failures.h"

#include <algorithm>

namespace lama {

namespace {

// What engines say where they had too little memory, in lower case: of C++, ONNX Runtime, oneDNN, OpenVINO, CUDA.
constexpr const char *OF_MEMORY[] = {"bad_alloc", "memory", "bad allocation", "could not create a primitive",
                                     "array_new_length"};

std::string lower(std::string text) {
  for (char &c : text)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return text;
}

}  // namespace

Error engine_failure(const std::string &engine, const Shape &shape, const std::string &said) {
  const std::string line = brief(said), small = lower(line);
  const std::string what = (shape[0] > 1 ? std::to_string(shape[0]) + " pictures" : std::string("a picture")) + " of " +
                           std::to_string(shape[2]) + "x" + std::to_string(shape[1]);
  const auto is_said = [&](const char *word) { return small.find(word) != std::string::npos; };
  if (std::any_of(std::begin(OF_MEMORY), std::end(OF_MEMORY), is_said))
    return {LAMA_OUT_OF_MEMORY, engine + " had too little memory for " + what + " (" + line +
                                    "); give it smaller or fewer pictures at once"};
  return {LAMA_ENGINE_ERROR, engine + " failed on " + what + ": " + line};
}

}  // namespace lama

#pragma once

#include "bundle/generator.h"
#include "bundle/json_text.h"

namespace lama {

// Of bundle.json's "generator"; what is missing is as in the paper. Throws Fault for what no generator can be.
Generator generator_of(const Json &values);

}  // namespace lama

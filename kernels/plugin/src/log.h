// One line about a failure, to TensorRT's logger, or to stderr where there is none.
#pragma once

#include "status.h"

namespace lama {

// The ILoggerFinder that TensorRT gave to this library.
void set_logger_finder(void *finder);

// Log lama_spectral_last_error() unless `status` is OK. What TensorRT expects of a plugin: 0, or else nonzero.
int report(Status status) noexcept;

// Log, once in a process, that what an engine was built to use is not here, with lama_spectral_last_error().
void warn_of_another_way() noexcept;

}  // namespace lama

// How a test drives the fake libcuda and the fake libnvinfer, and what they noticed. Of libcuda.so.1, for both.
#pragma once

#include <functional>
#include <string>

#include "cuda_functions.h"

// Of libcuda.so.1, which the fake libnvinfer and the tests link.
#pragma GCC visibility push(default)
namespace fake {

// The call with this number (from 1, over both libraries, of those that can fail) fails; 0: none. Counts from 1 again.
void fail_at(int call);
int calls();                       // since then
bool fails(const char *function);  // counts a call; whether it is to fail
std::string failed();              // the function that was made to fail, "" for none

// A rule that was broken; the first is kept. Each is named with where it is written.
void broken(const std::string &rule);
std::string first_broken();

// Objects that are alive, and have to be freed by whoever made them.
void born(const char *kind);
void gone(const char *kind);
int alive(const char *kind);  // nullptr: of all kinds

// How often something took place, such as "graph launched", over the process's life.
void happened(const char *what);
int times(const char *what);

// Runs `kernel` when the stream comes to it. False where that fails, as an invalid handle does.
bool launch(lama::cuda::Stream stream, std::function<void()> kernel);
bool is_capturing(lama::cuda::Stream stream);
void run_all_but(lama::cuda::Stream stream);         // what waits in all other streams, as a device may
void limit_memory(size_t bytes);                     // of a device; 0: none
bool in_context();                                   // this thread has a context
bool has(lama::cuda::Address address, size_t size);  // on the device, in one block that is not freed

}  // namespace fake
#pragma GCC visibility pop

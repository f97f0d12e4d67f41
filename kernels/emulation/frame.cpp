// The same source as for a GPU, compiled for the CPU.
#include "../src/frame.cu"

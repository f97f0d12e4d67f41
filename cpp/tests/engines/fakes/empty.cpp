// A library without any of an engine's functions.
extern "C" __attribute__((visibility("default"))) int nothing() {
  return 0;
}

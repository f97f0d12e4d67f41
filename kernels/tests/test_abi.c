/* The header is C, and what needs no GPU works without one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lama/frame.h"
#include "lama/spectral.h"

static int failures = 0;

static void check(int holds, const char *what) {
  if (holds) return;
  printf("failed: %s (%s)\n", what, lama_spectral_last_error());
  ++failures;
}

static const lama_spectral_desc kUnit = {1, 8, 7, 10, LAMA_SPECTRAL_FLOAT16, LAMA_SPECTRAL_NHWC, LAMA_SPECTRAL_AUTO};

static void test_sizes(void) {
  lama_spectral_desc largest = kUnit;
  lama_spectral_plan *plan = NULL;
  size_t bytes = 0, range = 0;
  int width;
  largest.width = 300;
  check(lama_spectral_workspace_size_range(&kUnit, &largest, &range) == LAMA_SPECTRAL_OK, "size of a range");
  for (width = kUnit.width; width <= largest.width; ++width) {
    lama_spectral_desc one = kUnit;
    one.width = width;
    check(lama_spectral_workspace_size(&one, &bytes) == LAMA_SPECTRAL_OK && bytes <= range, "member of a range");
  }
  check(lama_spectral_create(&largest, &plan) == LAMA_SPECTRAL_OK, "plan");
  check(lama_spectral_plan_workspace_size(plan) == bytes, "size of a plan");
  lama_spectral_destroy(plan);
  check(lama_spectral_workspace_size_range(&largest, &kUnit, &range) == LAMA_SPECTRAL_INVALID_ARGUMENT,
        "reversed range");
}

static void test_errors(void) {
  lama_spectral_desc wrong = kUnit;
  lama_spectral_plan *plan = (lama_spectral_plan *)&wrong;
  wrong.height = 0;
  check(lama_spectral_create(&wrong, &plan) == LAMA_SPECTRAL_INVALID_ARGUMENT && plan == NULL, "height 0");
  check(strstr(lama_spectral_last_error(), "height is 0") != NULL, "the line names what is wrong");
  wrong = kUnit;
  wrong.backend = LAMA_SPECTRAL_TENSOR_CORE;
  wrong.dtype = LAMA_SPECTRAL_FLOAT32;
  check(lama_spectral_create(&wrong, &plan) == LAMA_SPECTRAL_UNSUPPORTED, "float32 on tensor cores");
  check(lama_spectral_create(&kUnit, NULL) == LAMA_SPECTRAL_INVALID_ARGUMENT, "no plan");
  check(lama_spectral_run(NULL, NULL, NULL, 0, NULL) != LAMA_SPECTRAL_OK, "run without a plan");
  check(lama_frame_update(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) != LAMA_SPECTRAL_OK, "update of no frame");
  lama_spectral_destroy(NULL);
}

static void test_resolve(void) {
  lama_spectral_backend backend = LAMA_SPECTRAL_AUTO;
  lama_spectral_desc unit = kUnit;
  check(lama_spectral_resolve(&unit, 90, &backend) == LAMA_SPECTRAL_OK && backend == LAMA_SPECTRAL_TENSOR_CORE, "auto");
  check(lama_spectral_resolve(&unit, 75, &backend) == LAMA_SPECTRAL_OK && backend == LAMA_SPECTRAL_CUFFT, "auto, old");
  unit.width = 4096;
  check(lama_spectral_resolve(&unit, 90, &backend) == LAMA_SPECTRAL_OK && backend == LAMA_SPECTRAL_CUFFT, "auto, wide");
}

/* Weight 0 and bias 1 on the real part of channel 0: every bin is 1, whose inverse is a single pulse at the origin. */
static void test_reference(void) {
  const lama_spectral_desc desc = {1, 1, 4, 6, LAMA_SPECTRAL_FLOAT32, LAMA_SPECTRAL_NCHW, LAMA_SPECTRAL_AUTO};
  const double weight[4] = {0, 0, 0, 0}, bias[2] = {1, 0};
  double x[24], y[24];
  int i;
  for (i = 0; i < 24; ++i) x[i] = i;
  check(lama_spectral_reference(&desc, x, weight, bias, x, y) == LAMA_SPECTRAL_OK, "reference");
  for (i = 0; i < 24; ++i) check(fabs(y[i] - x[i] - (i == 0 ? sqrt(24) : 0)) < 1e-12, "pulse");
}

int main(void) {
  check(lama_spectral_abi_version() == LAMA_SPECTRAL_ABI_VERSION, "version");
  test_sizes();
  test_errors();
  test_resolve();
  test_reference();
  return failures != 0;
}

#ifndef VARIANT
#define SOURCE "bias.c"
#include "variants.h"

#include "bias.h"

ENTRY(bias_add, LIST(const float *bias, float *x, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1), LIST(bias, x, ld, t0, t1, j0, j1))
#else
#include "row.h"

KERNEL void NAME(bias_add)(const float *bias, float *x, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1) {
  for (int64_t t = t0; t < t1; t++) {
    float *row = x + t * ld + j0;
    ROW_EACH(j1 - j0, i, part, n) { ROW_STORE(row + i, ROW_LOAD(row + i, n) + ROW_LOAD(bias + j0 + i, n), n); }
  }
}
#endif

#ifndef VARIANT
#define SOURCE "swiglu.c"
#include "variants.h"

ENTRY(swiglu_forward, LIST(const float *gate, const float *up, float *y, int64_t n), LIST(gate, up, y, n))
ENTRY(swiglu_backward, LIST(const float *gate, const float *up, const float *dy, float *dgate, float *dup, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1), LIST(gate, up, dy, dgate, dup, ld, t0, t1, j0, j1))
#else
#include "row.h"

// y = silu(gate) * up, Shazeer 2020, eq. 6.
KERNEL void NAME(swiglu_forward)(const float *gate, const float *up, float *y, int64_t count) {
  ROW_EACH(count, i, part, n) {
    V g = ROW_LOAD(gate + i, n);
    ROW_STORE(y + i, g * sigmoid_v(g) * ROW_LOAD(up + i, n), n);
  }
}

// silu'(g) = s(g) + silu(g) (1 - s(g)), s the logistic function.
KERNEL void NAME(swiglu_backward)(const float *gate, const float *up, const float *dy, float *dgate, float *dup, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1) {
  for (int64_t t = t0; t < t1; t++) {
    const int64_t at = t * ld + j0;
    ROW_EACH(j1 - j0, i, part, n) {
      V g = ROW_LOAD(gate + at + i, n), d = ROW_LOAD(dy + at + i, n);
      V s = sigmoid_v(g), silu = g * s;
      ROW_STORE(dup + at + i, d * silu, n);
      ROW_STORE(dgate + at + i, d * ROW_LOAD(up + at + i, n) * fma_v(silu, splat(1.0f) - s, s), n);
    }
  }
}
#endif

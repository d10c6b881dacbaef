#ifndef VARIANT
#define SOURCE "swiglu.c"
#include "variants.h"

ENTRY(swiglu_forward, LIST(const float *gate, const float *up, float *y, int64_t n), LIST(gate, up, y, n))
#else
#include "swiglu.h"

// y = silu(gate) * up, Shazeer 2020, eq. 6.
KERNEL void NAME(swiglu_forward)(const float *gate, const float *up, float *y, int64_t count) {
  ROW_EACH(count, i, part, n) {
    V g = ROW_LOAD(gate + i, n);
    ROW_STORE(y + i, g * sigmoid_v(g) * ROW_LOAD(up + i, n), n);
  }
}

// silu'(g) = s(g) + silu(g) (1 - s(g)), s the logistic function.
KERNEL void swiglu_backward(const swiglu_gradients *s, const float *dy, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1) {
  for (int64_t t = t0; t < t1; t++) {
    const int64_t at = t * ld + j0;
    ROW_EACH(j1 - j0, i, part, n) {
      V g = ROW_LOAD(s->gate + at + i, n), d = ROW_LOAD(dy + at + i, n);
      V logistic = sigmoid_v(g), silu = g * logistic;
      ROW_STORE(s->dup + at + i, d * silu, n);
      ROW_STORE(s->dgate + at + i, d * ROW_LOAD(s->up + at + i, n) * fma_v(silu, splat(1.0f) - logistic, logistic), n);
    }
  }
}
#endif

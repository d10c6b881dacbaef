#ifndef VARIANT
#define SOURCE "swiglu.c"
#include "variants.h"
#include "kernels.h"

static ENTRY(swiglu_forward, LIST(const swiglu *s, int64_t t0, int64_t t1), LIST(s, t0, t1))

STEP(forward) { swiglu_forward(variant, job, t0, t1); }

static int64_t work(const void *job) { return 32 * ((const swiglu *)job)->cols; }

const step_kind swiglu_kind = {.run = forward, .work = work};
#else
#include "swiglu.h"

// down = silu(gate) * up, Shazeer 2020, eq. 6.
KERNEL void NAME(swiglu_forward)(const swiglu *s, int64_t t0, int64_t t1) {
  const int64_t at = t0 * s->cols;
  ROW_EACH((t1 - t0) * s->cols, i, part, n) {
    V g = ROW_LOAD(s->gate + at + i, n);
    ROW_STORE(s->down + at + i, g * sigmoid_v(g) * ROW_LOAD(s->up + at + i, n), n);
  }
}

// silu'(g) = s(g) + silu(g) (1 - s(g)), s the logistic function.
KERNEL void swiglu_backward(const swiglu *s, const float *dy, int64_t t0, int64_t t1, int64_t j0, int64_t j1) {
  for (int64_t t = t0; t < t1; t++) {
    const int64_t at = t * s->cols + j0;
    ROW_EACH(j1 - j0, i, part, n) {
      V g = ROW_LOAD(s->gate + at + i, n), d = ROW_LOAD(dy + at + i, n);
      V logistic = sigmoid_v(g), silu = g * logistic;
      ROW_STORE(s->dup + at + i, d * silu, n);
      ROW_STORE(s->dgate + at + i, d * ROW_LOAD(s->up + at + i, n) * fma_v(silu, splat(1.0f) - logistic, logistic), n);
    }
  }
}
#endif

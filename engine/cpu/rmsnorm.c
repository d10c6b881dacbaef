#ifndef VARIANT
#define SOURCE "rmsnorm.c"
#include "variants.h"
#include "kernels.h"
#include "rmsnorm.h"

ENTRY(rmsnorm_forward, LIST(const float *x, const float *w, float eps, float *y, int64_t cols, int64_t t0, int64_t t1), LIST(x, w, eps, y, cols, t0, t1))
ENTRY(rmsnorm_backward, LIST(const float *x, const float *w, float eps, const float *dy, float *dx, int64_t cols, int64_t t0, int64_t t1), LIST(x, w, eps, dy, dx, cols, t0, t1))

STEP(forward) {
  const norm *s = job;
  rmsnorm_forward(variant, s->x, s->weight, s->eps, s->y, s->cols, t0, t1);
}

STEP(backward) {
  const norm *s = job;
  rmsnorm_backward(variant, s->x, s->weight, s->eps, s->dy, s->dx, s->cols, t0, t1);
}

static int64_t work(const void *job) { return 8 * ((const norm *)job)->cols; }

const step_kind norm_kind = {.run = forward, .work = work};
const step_kind norm_backward_kind = {.run = backward, .work = work};
#else
#include "row.h"

// inverse is 1/sqrt(mean(x^2) + eps) of one row.
INLINE float NAME(inverse)(const float *x, float eps, int64_t cols) {
  V acc[PARTS];
  ROW_ZERO(acc);
  ROW_EACH(cols, i, part, n) {
    V v = ROW_LOAD(x + i, n);
    acc[part] = fma_v(v, v, acc[part]);
  }
  return 1.0f / sqrtf(sum16(acc) / (float)cols + eps);
}

// y = w * x * inverse(x), Zhang & Sennrich 2019, eq. 4.
KERNEL void NAME(rmsnorm_forward)(const float *x, const float *w, float eps, float *y, int64_t cols, int64_t t0, int64_t t1) {
  for (int64_t t = t0; t < t1; t++) {
    const float *row = x + t * cols;
    float *out = y + t * cols;
    const V inv = splat(NAME(inverse)(row, eps, cols));
    ROW_EACH(cols, i, part, n) {
      ROW_STORE(out + i, ROW_LOAD(row + i, n) * inv * ROW_LOAD(w + i, n), n);
    }
  }
}

// With n = x * inv and g = dy * w: dx = inv * (g - n * mean(g n)).
KERNEL void NAME(rmsnorm_backward)(const float *x, const float *w, float eps, const float *dy, float *dx, int64_t cols, int64_t t0, int64_t t1) {
  for (int64_t t = t0; t < t1; t++) {
    const float *row = x + t * cols, *grad = dy + t * cols;
    float *out = dx + t * cols;
    const float inv = NAME(inverse)(row, eps, cols);
    V acc[PARTS];
    ROW_ZERO(acc);
    ROW_EACH(cols, i, part, n) {
      acc[part] = fma_v(ROW_LOAD(grad + i, n) * ROW_LOAD(w + i, n), ROW_LOAD(row + i, n), acc[part]);
    }
    const V iv = splat(inv), mean = splat(sum16(acc) / (float)cols * inv * inv);
    ROW_EACH(cols, i, part, n) {
      V g = ROW_LOAD(grad + i, n) * ROW_LOAD(w + i, n);
      V d = fma_v(splat(0.0f) - ROW_LOAD(row + i, n), mean, g);
      ROW_STORE(out + i, fma_v(iv, d, ROW_LOAD(out + i, n)), n);
    }
  }
}
#endif

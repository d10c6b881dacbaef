#ifndef VARIANT
#define SOURCE "rmsnorm.c"
#include "variants.h"
#include "kernels.h"
#include "rmsnorm.h"

ENTRY(rmsnorm_forward, LIST(const float *x, const float *w, float eps, float *y, int64_t cols, int64_t t0, int64_t t1), LIST(x, w, eps, y, cols, t0, t1))
ENTRY(rmsnorm_backward, LIST(const float *x, const float *w, float eps, const float *dy, float *dx, int64_t cols, int64_t t0, int64_t t1), LIST(x, w, eps, dy, dx, cols, t0, t1))
ENTRY(rmsnorm_gradient, LIST(const float *x, const float *w, float eps, float *d, int64_t cols, int64_t t0, int64_t t1), LIST(x, w, eps, d, cols, t0, t1))

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

// Heads are the rows of a matrix (rows * heads, dim).

STEP(heads_forward) {
  const head_norm *s = job;
  const int64_t q = s->q_cols / s->dim, k = s->k_cols / s->dim;
  rmsnorm_forward(variant, s->q, s->q_weight, s->eps, s->q_y, s->dim, t0 * q, t1 * q);
  rmsnorm_forward(variant, s->k, s->k_weight, s->eps, s->k_y, s->dim, t0 * k, t1 * k);
}

STEP(heads_backward) {
  const head_norm *s = job;
  const int64_t q = s->q_cols / s->dim, k = s->k_cols / s->dim;
  rmsnorm_gradient(variant, s->q, s->q_weight, s->eps, s->q_y, s->dim, t0 * q, t1 * q);
  rmsnorm_gradient(variant, s->k, s->k_weight, s->eps, s->k_y, s->dim, t0 * k, t1 * k);
}

static int64_t heads_work(const void *job) { return 8 * (((const head_norm *)job)->q_cols + ((const head_norm *)job)->k_cols); }

const step_kind head_norm_kind = {.run = heads_forward, .work = heads_work};
const step_kind head_norm_backward_kind = {.run = heads_backward, .work = heads_work};
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

// With n = x * inv and g = dy * w: dx = inv * (g - n * mean(g n)), which is added
// to what dx holds or, if not, may overwrite dy.
INLINE void NAME(differentiate)(const int add, const float *x, const float *w, float eps, const float *dy, float *dx, int64_t cols, int64_t t0, int64_t t1) {
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
      ROW_STORE(out + i, add ? fma_v(iv, d, ROW_LOAD(out + i, n)) : iv * d, n);
    }
  }
}

KERNEL void NAME(rmsnorm_backward)(const float *x, const float *w, float eps, const float *dy, float *dx, int64_t cols, int64_t t0, int64_t t1) {
  NAME(differentiate)(1, x, w, eps, dy, dx, cols, t0, t1);
}

KERNEL void NAME(rmsnorm_gradient)(const float *x, const float *w, float eps, float *d, int64_t cols, int64_t t0, int64_t t1) {
  NAME(differentiate)(0, x, w, eps, d, d, cols, t0, t1);
}
#endif

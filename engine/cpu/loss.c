#ifndef VARIANT
#define SOURCE "loss.c"
#include "variants.h"

ENTRY(loss_row, LIST(float *logits, int64_t n, int64_t target, float scale, int gradient, float *nll, float *hit), LIST(logits, n, target, scale, gradient, nll, hit))
static ENTRY(argmax, LIST(const float *x, int64_t n, int64_t *index), LIST(x, n, index))

int64_t loss_argmax(int variant, const float *x, int64_t n) {
  int64_t index;
  argmax(variant, x, n, &index);
  return index;
}
#else
#include "log.h"
#include "row.h"

// largest returns the first index of the largest of x; 0 if there is none but NaN.
INLINE int64_t NAME(largest)(const float *x, int64_t count) {
  V acc[PARTS];
  for (int z = 0; z < PARTS; z++)
    acc[z] = splat(-INFINITY);
  ROW_EACH(count, i, part, n) {
    V v = ROW_LOAD(x + i, n);
    if (n < LANES)
      v = select_v(first_n(n), v, splat(-INFINITY));
    acc[part] = max_v(acc[part], v);
  }
  const float m = max16(acc);
  for (int64_t i = 0; i < count; i++)
    if (x[i] == m)
      return i;
  return 0;
}

KERNEL void NAME(argmax)(const float *x, int64_t count, int64_t *index) { *index = NAME(largest)(x, count); }

KERNEL void NAME(loss_row)(float *x, int64_t count, int64_t target, float scale, int gradient, float *nll, float *hit) {
  const int64_t best = NAME(largest)(x, count);
  const float top = x[best], wanted = x[target];
  V acc[PARTS];
  ROW_ZERO(acc);
  ROW_EACH(count, i, part, n) {
    V e = exp_v(ROW_LOAD(x + i, n) - splat(top));
    if (n < LANES)
      e = (V)((VI)e & first_n(n));
    ROW_STORE(x + i, e, n);
    acc[part] = acc[part] + e;
  }
  const float sum = sum16(acc);
  *nll = (top - wanted) + log_1(sum);
  *hit = best == target ? 1.0f : 0.0f;
  if (!gradient)
    return;
  const V f = splat(scale / sum);
  ROW_EACH(count, i, part, n) { ROW_STORE(x + i, ROW_LOAD(x + i, n) * f, n); }
  x[target] -= scale;
}
#endif

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

// most is the largest of x, NaN aside.
INLINE float NAME(most)(const float *x, int64_t count) {
  V acc[PARTS];
  for (int z = 0; z < PARTS; z++)
    acc[z] = splat(-INFINITY);
  ROW_EACH(count, i, part, n) {
    V v = ROW_LOAD(x + i, n);
    if (n < LANES)
      v = select_v(first_n(n), v, splat(-INFINITY));
    acc[part] = max_v(acc[part], v);
  }
  return max16(acc);
}

KERNEL void NAME(argmax)(const float *x, int64_t count, int64_t *index) {
  const float top = NAME(most)(x, count);
  *index = 0; // if all are NaN
  for (int64_t i = 0; i < count; i++)
    if (x[i] == top) {
      *index = i;
      return;
    }
}

KERNEL void NAME(loss_row)(float *x, int64_t count, int64_t target, float scale, int gradient, float *nll, float *hit) {
  const float top = NAME(most)(x, count), wanted = x[target];
  int64_t first = target;
  if (wanted == top)
    for (first = 0; x[first] != top;)
      first++;
  *hit = wanted == top && first == target ? 1.0f : 0.0f;
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
  if (!gradient)
    return;
  const V f = splat(scale / sum);
  ROW_EACH(count, i, part, n) { ROW_STORE(x + i, ROW_LOAD(x + i, n) * f, n); }
  x[target] -= scale;
}
#endif

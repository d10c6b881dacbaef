#ifndef VARIANT
#define SOURCE "loss.c"
#include "variants.h"

#include "kernels.h"
#include "rmsnorm.h"

static ENTRY(loss_row, LIST(float *logits, int64_t n, int64_t target, float scale, int gradient, float *nll, float *hit), LIST(logits, n, target, scale, gradient, nll, hit))
static ENTRY(argmax, LIST(const float *x, int64_t n, int32_t *index), LIST(x, n, index))

STEP(gather) {
  const scoring *s = job;
  for (int64_t i = t0; i < t1; i++)
    rmsnorm_forward(variant, s->x + s->rows[i] * s->hidden, s->weight, s->eps, s->normed + i * s->hidden, s->hidden, 0, 1);
}

STEP(losses) {
  const scoring *s = job;
  for (int64_t i = t0; i < t1; i++) {
    const int64_t row = s->rows[i];
    loss_row(variant, s->logits + i * s->vocab, s->vocab, s->targets[row], s->scale, s->d != 0, s->nll + row, s->hit + row);
  }
}

STEP(best) {
  const scoring *s = job;
  for (int64_t i = t0; i < t1; i++)
    argmax(variant, s->logits + i * s->vocab, s->vocab, s->best + i);
}

STEP(scatter) {
  const scoring *s = job;
  for (int64_t i = t0; i < t1; i++)
    rmsnorm_backward(variant, s->x + s->rows[i] * s->hidden, s->weight, s->eps, s->dnormed + i * s->hidden, s->d + s->rows[i] * s->hidden, s->hidden, 0, 1);
}

static int64_t row_work(const void *job) { return 8 * ((const scoring *)job)->hidden; }
static int64_t logits_work(const void *job) { return 32 * ((const scoring *)job)->vocab; }

const step_kind gather_kind = {.run = gather, .work = row_work};
const step_kind loss_kind = {.run = losses, .work = logits_work};
const step_kind best_kind = {.run = best, .work = logits_work};
const step_kind scatter_kind = {.run = scatter, .work = row_work};
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

// argmax finds the first of the largest of x.
static KERNEL void NAME(argmax)(const float *x, int64_t count, int32_t *index) {
  const float top = NAME(most)(x, count);
  *index = 0; // if all are NaN
  for (int64_t i = 0; i < count; i++)
    if (x[i] == top) {
      *index = (int32_t)i;
      return;
    }
}

// loss_row turns count logits into the negative log-likelihood of target and, if
// gradient, into scale times its gradient. hit is 1 if target is the first of the
// largest, else 0.
static KERNEL void NAME(loss_row)(float *x, int64_t count, int64_t target, float scale, int gradient, float *nll, float *hit) {
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

#include "steps.h"

#include <stddef.h>

#include "kernels.h"

// MIN_ROWS is how many rows make it worth while that every thread unpacks all
// weights for itself: unpacking costs about as much as two rows of a product.
enum { MIN_ROWS = 64 };

// BLOCK is how many rows go through all steps of an operation together, so that
// what one step writes is still in the cache when the next reads it.
enum { BLOCK = 2 * ROWS };

// MIN_WORK is how many multiply-adds make it worth while to share them: they
// take one thread some 3 us.
enum { MIN_WORK = 1 << 18 };

typedef struct {
  int variant;
  const step *steps;
  int64_t n, rows, parts;
  int64_t weights; // floats that the weights of all steps take unpacked; 0 if each unpacks its own
} operation;

static int64_t unpacked(const step *s) { return s->kind->unpacked ? s->kind->unpacked(s->job) : 0; }

static int64_t columns(const step *s, int64_t *unit) {
  *unit = 1;
  return s->kind->columns ? s->kind->columns(s->job, unit) : 0;
}

// layout decides whether the weights of all steps are unpacked for a whole
// operation over so many rows: if the rows are many and the weights few. It
// returns the floats that they take, and those of scratch beside them.
static int64_t layout(const step *s, int64_t n, int64_t rows, int64_t *scratch) {
  int64_t weights = 0;
  *scratch = 0;
  for (int64_t i = 0; i < n; i++) {
    weights += unpacked(&s[i]);
    const int64_t floats = s[i].kind->scratch ? s[i].kind->scratch(s[i].job) : 0;
    *scratch = floats > *scratch ? floats : *scratch;
  }
  return rows <= BLOCK || weights > UNPACKED ? 0 : weights;
}

static void run(const operation *o, const step *s, const float *packed, int64_t t0, int64_t t1, float *scratch) {
  int64_t unit;
  s->kind->run(o->variant, s->job, packed, t0, t1, 0, columns(s, &unit), scratch);
}

// rows_task takes a task's rows through all steps.
static void rows_task(const void *job, float *scratch, int64_t task) {
  const operation *o = job;
  int64_t t0, t1;
  share(task, o->parts, o->rows, 1, &t0, &t1);
  if (o->weights == 0) {
    for (int64_t i = 0; i < o->n; i++)
      run(o, &o->steps[i], NULL, t0, t1, scratch);
    return;
  }
  float *packed = scratch;
  for (int64_t i = 0; i < o->n; i++) {
    if (o->steps[i].kind->pack)
      o->steps[i].kind->pack(o->variant, o->steps[i].job, packed);
    packed += unpacked(&o->steps[i]);
  }
  float *rest = packed;
  for (int64_t t = t0; t < t1; t += BLOCK) {
    packed = scratch;
    for (int64_t i = 0; i < o->n; i++) {
      run(o, &o->steps[i], packed, t, t + BLOCK < t1 ? t + BLOCK : t1, rest);
      packed += unpacked(&o->steps[i]);
    }
  }
}

// columns_task takes all rows through a task's columns of the one step.
static void columns_task(const void *job, float *scratch, int64_t task) {
  const operation *o = job;
  int64_t unit, j0, j1;
  const int64_t cols = columns(o->steps, &unit);
  share(task, o->parts, cols, unit, &j0, &j1);
  o->steps->kind->run(o->variant, o->steps->job, NULL, 0, o->rows, j0, j1, scratch);
}

static int together(const pool *p, int64_t rows) { return pool_threads(p) == 1 || rows >= (int64_t)MIN_ROWS * pool_threads(p); }

int64_t steps_scratch(const pool *p, const step *s, int64_t n, int64_t rows) {
  int64_t scratch;
  const int64_t weights = layout(s, n, together(p, rows) ? rows / pool_threads(p) : 1, &scratch);
  return weights + scratch;
}

void steps_run(pool *p, int variant, const step *s, int64_t n, int64_t rows) {
  const int threads = pool_threads(p);
  int64_t scratch;
  if (together(p, rows)) {
    operation o = {variant, s, n, rows, threads, layout(s, n, rows / threads, &scratch)};
    pool_run(p, threads, rows_task, &o);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    int64_t unit, cols = columns(&s[i], &unit);
    pool_task *task = columns_task;
    if (cols == 0) {
      cols = rows;
      task = rows_task;
    }
    const int64_t units = (cols + unit - 1) / unit;
    operation o = {variant, &s[i], 1, rows, units < threads ? units : threads, 0};
    if (rows * s[i].kind->work(s[i].job) < MIN_WORK)
      o.parts = 1;
    pool_run(p, o.parts, task, &o);
  }
}

// Operations are made of steps whose rows do not depend on each other. Each kind
// of step lives with its operation.

#ifndef STEPS_H
#define STEPS_H

#include <stdint.h>

#include "pool.h"

typedef struct {
  // run computes rows t0..t1 of columns j0..j1 of a job. packed is what pack
  // made, or NULL.
  void (*run)(int variant, const void *job, const float *packed, int64_t t0, int64_t t1, int64_t j0, int64_t j1, float *scratch);
  // work returns the multiply-adds, or what takes as long, of each row.
  int64_t (*work)(const void *job);

  // The rest is NULL where a step has none of it.

  // columns returns how many columns there are and the multiple that they can be
  // split at.
  int64_t (*columns)(const void *job, int64_t *unit);
  // unpacked returns the floats that the step's weights take when unpacked, and
  // pack unpacks them for run.
  int64_t (*unpacked)(const void *job);
  void (*pack)(int variant, const void *job, float *packed);
  // scratch returns the floats of scratch that run needs.
  int64_t (*scratch)(const void *job);
} step_kind;

typedef struct {
  const step_kind *kind;
  const void *job;
} step;

// steps_run takes so many rows through n steps, one after the other. If there
// are many rows each thread takes its own through all steps; if few, as in
// decoding, threads share out the columns of each step.
void steps_run(pool *p, int variant, const step *s, int64_t n, int64_t rows);

// steps_scratch is the floats of scratch that every worker needs for that.
int64_t steps_scratch(const pool *p, const step *s, int64_t n, int64_t rows);

// share is a task's part of n, a multiple of unit apart from the last.
static inline void share(int64_t task, int64_t tasks, int64_t n, int64_t unit, int64_t *from, int64_t *to) {
  const int64_t units = (n + unit - 1) / unit;
  *from = task * units / tasks * unit;
  *to = (task + 1) * units / tasks * unit;
  *from = *from < n ? *from : n;
  *to = *to < n ? *to : n;
}

#endif

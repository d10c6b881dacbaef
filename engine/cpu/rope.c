#ifndef VARIANT
#define SOURCE "rope.c"
#include "variants.h"

#include "rope.h"

ENTRY(rope_rotate, LIST(const rotation *turn, float *x, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1), LIST(turn, x, ld, t0, t1, j0, j1))

STEP(rotate) {
  const rotated *s = job;
  rope_rotate(variant, &s->turn, s->q, s->q_cols, t0, t1, 0, s->q_cols);
  rope_rotate(variant, &s->turn, s->k, s->k_cols, t0, t1, 0, s->k_cols);
}

static int64_t work(const void *job) { return 8 * (((const rotated *)job)->q_cols + ((const rotated *)job)->k_cols); }

const step_kind rotate_kind = {.run = rotate, .work = work};
#else
#include "row.h"

// Su et al. 2021, eq. 34, in the half-split order of Hugging Face's Llama.
KERNEL void NAME(rope_rotate)(const rotation *turn, float *x, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1) {
  const int64_t half = turn->dim / 2;
  const V sign = splat(turn->sign), zero = splat(0.0f);
  for (int64_t t = t0; t < t1; t++) {
    const float *cosine = turn->cosine + turn->position[t] * half, *sine = turn->sine + turn->position[t] * half;
    for (int64_t j = j0; j < j1; j += turn->dim) {
      float *a = x + t * ld + j, *b = a + half;
      ROW_EACH(half, i, part, n) {
        V c = ROW_LOAD(cosine + i, n), s = ROW_LOAD(sine + i, n) * sign;
        V u = ROW_LOAD(a + i, n), v = ROW_LOAD(b + i, n);
        ROW_STORE(a + i, fma_v(u, c, zero - v * s), n);
        ROW_STORE(b + i, fma_v(v, c, u * s), n);
      }
    }
  }
}
#endif

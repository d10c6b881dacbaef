#ifndef VARIANT
#define SOURCE "rope.c"
#include "variants.h"

ENTRY(rope_rotate, LIST(float *x, int64_t ld, int64_t heads, int64_t dim, const int32_t *position, const float *cosine, const float *sine, float sign, int64_t t0, int64_t t1), LIST(x, ld, heads, dim, position, cosine, sine, sign, t0, t1))
#else
#include "row.h"

// Su et al. 2021, eq. 34, in the half-split order of Hugging Face's Llama.
KERNEL void NAME(rope_rotate)(float *x, int64_t ld, int64_t heads, int64_t dim, const int32_t *position, const float *cosine, const float *sine, float sign, int64_t t0, int64_t t1) {
  const int64_t half = dim / 2;
  for (int64_t t = t0; t < t1; t++) {
    const float *cr = cosine + position[t] * half, *sr = sine + position[t] * half;
    for (int64_t h = 0; h < heads; h++) {
      float *a = x + t * ld + h * dim, *b = a + half;
      ROW_EACH(half, i, part, n) {
        V c = ROW_LOAD(cr + i, n), s = ROW_LOAD(sr + i, n) * splat(sign);
        V u = ROW_LOAD(a + i, n), v = ROW_LOAD(b + i, n);
        ROW_STORE(a + i, fma_v(u, c, splat(0.0f) - v * s), n);
        ROW_STORE(b + i, fma_v(v, c, u * s), n);
      }
    }
  }
}
#endif

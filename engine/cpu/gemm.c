#ifndef VARIANT
#define SOURCE "gemm.c"
#include "variants.h"
#include "bias.h"
#include "kernels.h"
#include "product.h"
#include "rope.h"

static ENTRY(product_pack, LIST(const product *p, int64_t j0, int64_t j1, float *packed), LIST(p, j0, j1, packed))
static ENTRY(product_run, LIST(const product *p, const float *packed, int64_t t0, int64_t t1, int64_t j0, int64_t j1, float *scratch), LIST(p, packed, t0, t1, j0, j1, scratch))

int64_t product_depth(const product *p) {
  int64_t depth = 0;
  for (int64_t i = 0; i < p->n; i++)
    depth += p->terms[i].k;
  return depth;
}

STEP(run) {
  const product *p = job;
  product_run(variant, p, packed, t0, t1, j0, j1, scratch);
  if (p->bias)
    bias_add(variant, p->bias, p->out, p->ld, t0, t1, j0, j1);
  if (p->turn.dim)
    rope_rotate(variant, &p->turn, p->out, p->ld, t0, t1, j0, j1);
}

static int64_t work(const void *job) { return ((const product *)job)->cols * product_depth(job); }

// What stays together is a panel and, to be rotated, whole heads.
static int64_t columns(const void *job, int64_t *unit) {
  const product *p = job;
  *unit = PANEL;
  while (p->turn.dim && *unit % p->turn.dim)
    *unit += PANEL;
  return p->cols;
}

static int64_t unpacked(const void *job) { return product_depth(job) * ((((const product *)job)->cols + PANEL - 1) / PANEL * PANEL); }

static void pack(int variant, const void *job, float *packed) { product_pack(variant, job, 0, ((const product *)job)->cols, packed); }

static int64_t scratch_floats(const void *job) {
  (void)job;
  return PRODUCT_SCRATCH;
}

const step_kind product_kind = {run, work, columns, unpacked, pack, scratch_floats};
#else
#include "gemm.h"

// tile is the innermost product: MR rows by NV vectors held in registers. What
// is constant about it is a constant at each call, so that it unrolls fully.
INLINE void NAME(tile)(const int MR, const int NV, const int transposed, int64_t n, const segment *s, int64_t i0, float *c, int64_t ldc, int accumulate, const float *residual) {
  V acc[12][4];
  if (accumulate) {
    UNROLL for (int i = 0; i < MR; i++)
      UNROLL for (int j = 0; j < NV; j++)
        acc[i][j] = load(c + i * ldc + j * LANES);
  } else {
    UNROLL for (int i = 0; i < MR; i++)
      UNROLL for (int j = 0; j < NV; j++) {
        __builtin_prefetch(c + i * ldc + j * LANES, 1);
        acc[i][j] = splat(0.0f);
      }
  }
  for (int64_t q = 0; q < n; q++) {
    const int64_t row = transposed ? 1 : s[q].row, step = transposed ? s[q].step : 1;
    const float *a = s[q].a + i0 * row;
    const float *b = s[q].b;
    const int64_t ldb = s[q].ld;
    for (int64_t k = s[q].k; k > 0; k--) {
      V bv[4];
      UNROLL for (int j = 0; j < NV; j++)
        bv[j] = load(b + j * LANES);
      UNROLL for (int i = 0; i < MR; i++) {
        V av = splat(a[i * row]);
        UNROLL for (int j = 0; j < NV; j++)
          acc[i][j] = fma_v(av, bv[j], acc[i][j]);
      }
      if (MR <= 2 || transposed)
        __builtin_prefetch(b + AHEAD * ldb);
      a += step;
      b += ldb;
    }
  }
  if (residual) {
    UNROLL for (int i = 0; i < MR; i++)
      UNROLL for (int j = 0; j < NV; j++)
        acc[i][j] = load(residual + i * ldc + j * LANES) + acc[i][j];
  }
  UNROLL for (int i = 0; i < MR; i++)
    UNROLL for (int j = 0; j < NV; j++)
      store(c + i * ldc + j * LANES, acc[i][j]);
}

// The tiles of a variant, by row count: as many rows as leave every accumulator
// in a register.
typedef void (*NAME(tile_function))(int64_t n, const segment *s, int64_t i0, float *c, int64_t ldc, int accumulate, const float *residual);

#define TILE(mr, nv)                                                                                                                         \
  static KERNEL void NAME(tile_##mr##_##nv)(int64_t n, const segment *s, int64_t i0, float *c, int64_t ldc, int accumulate, const float *r) { \
    NAME(tile)(mr, nv, 0, n, s, i0, c, ldc, accumulate, r);                                                                                  \
  }                                                                                                                                          \
  static KERNEL void NAME(tile_t_##mr##_##nv)(int64_t n, const segment *s, int64_t i0, float *c, int64_t ldc, int accumulate, const float *r) { \
    NAME(tile)(mr, nv, 1, n, s, i0, c, ldc, accumulate, r);                                                                                  \
  }
#define TILES_2(nv) TILE(1, nv) TILE(2, nv)
#define TILES_6(nv) TILES_2(nv) TILE(3, nv) TILE(4, nv) TILE(5, nv) TILE(6, nv)
#define TILES_12(nv) TILES_6(nv) TILE(7, nv) TILE(8, nv) TILE(9, nv) TILE(10, nv) TILE(11, nv) TILE(12, nv)
#define LIST_2(p, nv) NAME(p##1_##nv), NAME(p##2_##nv)
#define LIST_6(p, nv) LIST_2(p, nv), NAME(p##3_##nv), NAME(p##4_##nv), NAME(p##5_##nv), NAME(p##6_##nv)
#define LIST_12(p, nv) LIST_6(p, nv), NAME(p##7_##nv), NAME(p##8_##nv), NAME(p##9_##nv), NAME(p##10_##nv), NAME(p##11_##nv), NAME(p##12_##nv)

#if VARIANT == VARIANT_AVX512
TILES_12(1) TILES_12(2) TILES_6(4)
static const NAME(tile_function) NAME(tiles)[2][3][12] = {
    {{LIST_12(tile_, 1)}, {LIST_12(tile_, 2)}, {LIST_6(tile_, 4)}},
    {{LIST_12(tile_t_, 1)}, {LIST_12(tile_t_, 2)}, {LIST_6(tile_t_, 4)}},
};
#elif VARIANT == VARIANT_AVX2
TILES_6(2)
static const NAME(tile_function) NAME(tiles)[2][1][6] = {{{LIST_6(tile_, 2)}}, {{LIST_6(tile_t_, 2)}}};
#elif defined(__aarch64__)
TILES_6(4)
static const NAME(tile_function) NAME(tiles)[2][1][6] = {{{LIST_6(tile_, 4)}}, {{LIST_6(tile_t_, 4)}}};
#else
TILES_2(4)
static const NAME(tile_function) NAME(tiles)[2][1][2] = {{{LIST_2(tile_, 4)}}, {{LIST_2(tile_t_, 4)}}};
#endif
#undef TILE
#undef TILES_2
#undef TILES_6
#undef TILES_12
#undef LIST_2
#undef LIST_6
#undef LIST_12

INLINE void NAME(multiply_any)(int transposed, int64_t rows, int64_t cols, int64_t n, const segment *s, float *c, int64_t ldc, int accumulate, const float *residual) {
  const int64_t width = panel_width(cols);
#if VARIANT == VARIANT_AVX512
  const int kind = width == 64 ? 2 : width == 32 ? 1 : 0;
  const int64_t most = width == 64 ? 6 : 12;
#else
  const int kind = 0;
  const int64_t most = sizeof(NAME(tiles)[0][0]) / sizeof(NAME(tiles)[0][0][0]);
#endif
  float edge[12 * 64] __attribute__((aligned(64)));
  for (int64_t i = 0; i < rows; i += most) {
    const int64_t mr = rows - i < most ? rows - i : most;
    const NAME(tile_function) f = NAME(tiles)[transposed][kind][mr - 1];
    float *out = c + i * ldc;
    const float *res = residual ? residual + i * ldc : 0;
    if (cols == width) {
      f(n, s, i, out, ldc, accumulate, res);
      continue;
    }
    for (int64_t r = 0; accumulate && r < mr; r++)
      for (int64_t j = 0; j < width; j++)
        edge[r * width + j] = j < cols ? out[r * ldc + j] : 0.0f;
    f(n, s, i, edge, width, accumulate, 0);
    for (int64_t r = 0; r < mr; r++)
      for (int64_t j = 0; j < cols; j++)
        out[r * ldc + j] = res ? res[r * ldc + j] + edge[r * width + j] : edge[r * width + j];
  }
}

KERNEL void multiply(int64_t rows, int64_t cols, int64_t n, const segment *s, float *c, int64_t ldc, int accumulate, const float *residual) {
  NAME(multiply_any)(0, rows, cols, n, s, c, ldc, accumulate, residual);
}

KERNEL void multiply_transposed(int64_t rows, int64_t cols, int64_t n, const segment *s, float *c, int64_t ldc, int accumulate) {
  NAME(multiply_any)(1, rows, cols, n, s, c, ldc, accumulate, 0);
}

// pack_term unpacks rows k0..k0+k of a panel to dst.
INLINE const float *NAME(pack_term)(const term *t, int64_t j, int64_t cols, int64_t k0, int64_t k, float *dst) {
  if (t->by_rows)
    pack_rows(&t->m, t->scale, j, cols, k0, k, dst);
  else
    pack_columns(&t->m, t->scale, j, cols, k0, k, dst);
  return dst;
}

KERNEL void NAME(product_pack)(const product *p, int64_t j0, int64_t j1, float *packed) {
  for (int64_t j = j0; j < j1; j += WIDEST) {
    const int64_t cols = j1 - j < WIDEST ? j1 - j : WIDEST, width = panel_width(cols);
    float *dst = packed + (j - j0) * product_depth(p);
    for (int64_t i = 0; i < p->n; dst += p->terms[i++].k * width)
      NAME(pack_term)(&p->terms[i], j, cols, 0, p->terms[i].k, dst);
  }
}

// Panels are taken DEPTH rows at a time, which the first-level cache holds while
// all rows of the product go over them.
KERNEL void NAME(product_run)(const product *p, const float *packed, int64_t t0, int64_t t1, int64_t j0, int64_t j1, float *scratch) {
  for (int64_t j = j0; j < j1; j += WIDEST) {
    const int64_t cols = j1 - j < WIDEST ? j1 - j : WIDEST, width = panel_width(cols);
    const float *residual = p->residual ? p->residual + t0 * p->ld + j : 0;
    const float *next = packed ? packed + (j - j0) * product_depth(p) : 0;
    int64_t i = 0, at = 0; // the term, and how much of it is done
    for (int accumulate = 0; i < p->n; accumulate = 1) {
      segment s[SEGMENTS];
      int64_t n = 0, depth = 0;
      while (i < p->n && n < SEGMENTS) {
        const term *t = &p->terms[i];
        int64_t take = t->k - at;
        if (take > DEPTH - depth)
          take = (DEPTH - depth) & ~(int64_t)15;
        if (take == 0)
          break;
        const float *b = next;
        if (packed)
          next += take * width;
        else
          b = NAME(pack_term)(t, j, cols, at, take, scratch + depth * width);
        s[n++] = (segment){t->a + t0 * t->lda + at, t->lda, 1, b, width, take};
        depth += take;
        at += take;
        if (at == t->k)
          i++, at = 0;
      }
      multiply(t1 - t0, cols, n, s, p->out + t0 * p->ld + j, p->ld, accumulate, i == p->n ? residual : 0);
    }
  }
}
#endif

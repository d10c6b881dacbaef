// Products of panels, for the bodies of operations. Include it inside a VARIANT.

#include "product.h"
#include "vec.h"

#ifndef GEMM_H
#define GEMM_H
// segment is a run of the common index of a product: a[i*row + k*step] for row
// i, and rows of panel_width columns b[k*ld]; ld is panel_width in a packed panel.
typedef struct {
  const float *a;
  int64_t row, step;
  const float *b;
  int64_t ld, k;
} segment;

// AHEAD is how many rows of b are asked for ahead of their use where memory would
// be slower than arithmetic: few rows go over b, as in decoding with a cache, or b
// is a part of an activation whose rows are far apart.
enum { AHEAD = 48 };

// WIDEST is how many columns a panel has at most; narrower ones are powers of two from 16.
#define SEGMENTS (TERMS + 1)
#define WIDEST NAME(widest)
#define panel_width NAME(panel_width)
#define multiply NAME(multiply)
#define multiply_transposed NAME(multiply_transposed)
#define pack_columns NAME(pack_columns)
#define pack_rows NAME(pack_rows)
#define nf4_block NAME(nf4_block)
#endif

enum { WIDEST = VARIANT == VARIANT_AVX512 ? 64 : 16 };

INLINE int64_t panel_width(int64_t cols) {
#if VARIANT == VARIANT_AVX512
  return cols > 32 ? 64 : cols > 16 ? 32 : 16;
#else
  (void)cols;
  return 16;
#endif
}

// multiply computes c (rows, cols), cols <= WIDEST, from n segments whose step
// is 1; each element is one chain of fused multiply-adds over all segments in
// order, going on from c if accumulate. residual, with c's ld, may be NULL.
void multiply(int64_t rows, int64_t cols, int64_t n, const segment *s, float *c, int64_t ldc, int accumulate, const float *residual);

// multiply_transposed is multiply for segments whose row is 1.
void multiply_transposed(int64_t rows, int64_t cols, int64_t n, const segment *s, float *c, int64_t ldc, int accumulate);

// pack_columns writes rows j0..j0+cols of m, columns k0..k0+k, transposed and
// times scale: dst[k*panel_width(cols) + j], zero where j >= cols.
void pack_columns(const matrix *m, float scale, int64_t j0, int64_t cols, int64_t k0, int64_t k, float *dst);

// pack_rows writes columns j0..j0+cols of m, rows k0..k0+k, times scale, in the
// same layout. k0 and, for NF4, j0 are multiples of 16.
void pack_rows(const matrix *m, float scale, int64_t j0, int64_t cols, int64_t k0, int64_t k, float *dst);

// nf4_block writes columns k0..k0+k of the sixteen rows of a block: dst[k*ld + row].
void nf4_block(const matrix *m, int64_t block, int64_t k0, int64_t k, float *dst, int64_t ld);

// product_pack unpacks columns j0..j1 for product_run: product_depth floats for
// each column, rounded up to PANEL.
void NAME(product_pack)(const product *p, int64_t j0, int64_t j1, float *packed);

// product_run computes rows t0..t1 of columns j0..j1. packed is what product_pack
// made of the same columns; or NULL, to unpack DEPTH rows of a panel at a time.
void NAME(product_run)(const product *p, const float *packed, int64_t t0, int64_t t1, int64_t j0, int64_t j1, float *scratch);

// Panels of a product's second factor: sixteen columns beside sixteen columns,
// so that the columns of one row are consecutive. See gemm.h.

#ifndef VARIANT
#define SOURCE "pack.c"
#include "variants.h"
#else
#include "gemm.h"

#if VARIANT == VARIANT_AVX2
// transpose8 writes the transpose of an 8 by 8 block.
INLINE void NAME(transpose8)(const float *src, int64_t lds, float *dst, int64_t ldd) {
  __m256 r[8], t[8];
  UNROLL for (int i = 0; i < 8; i++)
    r[i] = _mm256_loadu_ps(src + i * lds);
  UNROLL for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  UNROLL for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  // r[4g+c] now holds column c and 4+c of rows 4g..4g+3, in its two halves.
  UNROLL for (int c = 0; c < 4; c++) {
    _mm256_storeu_ps(dst + c * ldd, _mm256_permute2f128_ps(r[c], r[4 + c], 0x20));
    _mm256_storeu_ps(dst + (4 + c) * ldd, _mm256_permute2f128_ps(r[c], r[4 + c], 0x31));
  }
}
#endif

// transpose16 writes the transpose of a 16 by 16 block.
INLINE void NAME(transpose16)(const float *src, int64_t lds, float *dst, int64_t ldd) {
#if VARIANT == VARIANT_AVX512
  __m512 r[16], t[16];
  UNROLL for (int i = 0; i < 16; i++)
    r[i] = _mm512_loadu_ps(src + i * lds);
  UNROLL for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  UNROLL for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  // r[4g+c] now holds column c, 4+c, 8+c, 12+c of rows 4g..4g+3, in its four quarters.
  UNROLL for (int c = 0; c < 4; c++) {
    t[c] = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x44);
    t[4 + c] = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xee);
    t[8 + c] = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x44);
    t[12 + c] = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xee);
  }
  UNROLL for (int c = 0; c < 4; c++) {
    _mm512_storeu_ps(dst + c * ldd, _mm512_shuffle_f32x4(t[c], t[8 + c], 0x88));
    _mm512_storeu_ps(dst + (4 + c) * ldd, _mm512_shuffle_f32x4(t[c], t[8 + c], 0xdd));
    _mm512_storeu_ps(dst + (8 + c) * ldd, _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0x88));
    _mm512_storeu_ps(dst + (12 + c) * ldd, _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0xdd));
  }
#elif VARIANT == VARIANT_AVX2
  for (int i = 0; i < 16; i += 8)
    for (int j = 0; j < 16; j += 8)
      NAME(transpose8)(src + j * lds + i, lds, dst + i * ldd + j, ldd);
#else
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++)
      dst[i * ldd + j] = src[j * lds + i];
#endif
}

// block16 reads rows x cols (at most 16 by 16) elements of a matrix that is not
// NF4, zero outside.
INLINE void NAME(block16)(const matrix *m, int64_t r0, int64_t rows, int64_t c0, int64_t cols, float *dst) {
  memset(dst, 0, 256 * sizeof(float));
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < cols; c++) {
      const int64_t at = (r0 + r) * m->ld + c0 + c;
      if (m->format == FORMAT_BF16) {
        const uint32_t bits = (uint32_t)m->bf16[at] << 16;
        memcpy(dst + r * 16 + c, &bits, sizeof bits);
      } else {
        dst[r * 16 + c] = m->f32[at];
      }
    }
}

INLINE int64_t NAME(least)(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE void NAME(scale_panel)(float *x, int64_t n, float scale) {
  if (scale == 1.0f)
    return;
  for (int64_t i = 0; i < n; i += LANES)
    store(x + i, load(x + i) * splat(scale));
}

KERNEL void pack_columns(const matrix *m, float scale, int64_t j0, int64_t cols, int64_t k0, int64_t k, float *dst) {
  const int64_t width = panel_width(cols);
  for (int64_t j = 0; j < width; j += 16) {
    const int64_t have = cols - j < 0 ? 0 : NAME(least)(cols - j, 16);
    if (m->format == FORMAT_NF4) {
      if (have > 0)
        nf4_block(m, (j0 + j) / 16, k0, k, dst + j, width);
      else
        for (int64_t i = 0; i < k; i++)
          memset(dst + i * width + j, 0, 16 * sizeof(float));
      continue;
    }
    for (int64_t i = 0; i < k; i += 16) {
      const int64_t depth = NAME(least)(k - i, 16);
      if (have == 16 && depth == 16 && m->format == FORMAT_F32) {
        NAME(transpose16)(m->f32 + (j0 + j) * m->ld + k0 + i, m->ld, dst + i * width + j, width);
        continue;
      }
      float block[256], turned[256];
      NAME(block16)(m, j0 + j, have, k0 + i, depth, block);
      NAME(transpose16)(block, 16, turned, 16);
      for (int64_t r = 0; r < depth; r++)
        memcpy(dst + (i + r) * width + j, turned + r * 16, 16 * sizeof(float));
    }
  }
  NAME(scale_panel)(dst, k * width, scale);
}

KERNEL void pack_rows(const matrix *m, float scale, int64_t j0, int64_t cols, int64_t k0, int64_t k, float *dst) {
  const int64_t width = panel_width(cols);
  for (int64_t j = 0; j < width; j += 16) {
    const int64_t have = cols - j < 0 ? 0 : NAME(least)(cols - j, 16);
    for (int64_t i = 0; i < k; i += 16) {
      const int64_t depth = NAME(least)(k - i, 16);
      float block[256], turned[256];
      const float *src = turned;
      int64_t ld = 16;
      if (m->format == FORMAT_NF4 && have > 0) {
        if (have < 16)
          memset(block, 0, sizeof block);
        nf4_block(m, (k0 + i) / 16, j0 + j, have, block, 16);
        NAME(transpose16)(block, 16, turned, 16);
      } else if (m->format == FORMAT_F32 && have == 16) {
        src = m->f32 + (k0 + i) * m->ld + j0 + j;
        ld = m->ld;
      } else {
        NAME(block16)(m, k0 + i, depth, j0 + j, have, turned);
      }
      for (int64_t r = 0; r < depth; r++)
        memcpy(dst + (i + r) * width + j, src + r * ld, 16 * sizeof(float));
    }
  }
  NAME(scale_panel)(dst, k * width, scale);
}
#endif

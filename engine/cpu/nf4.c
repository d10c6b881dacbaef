#ifndef VARIANT
#define SOURCE "nf4.c"
#include "variants.h"
#else
#include "gemm.h"

// block_scale is the scale of one block; rounded twice with double quantization,
// as bitsandbytes does.
INLINE float NAME(block_scale)(const matrix *m, int64_t b) {
  if (m->absmax)
    return m->absmax[b];
  return m->map[m->scales[b]] * m->scales2[b / 256] + m->offset;
}

// lookup16 is value[code & 15] * scale for sixteen codes.
INLINE void NAME(lookup16)(const float *value, const uint8_t *codes, int high, const float *scale, float *dst) {
#if VARIANT == VARIANT_AVX512
  __m512i c = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)codes));
  if (high)
    c = _mm512_srli_epi32(c, 4);
  // permutexvar reads the low four bits of each index.
  __m512 v = _mm512_permutexvar_ps(c, _mm512_loadu_ps(value));
  _mm512_storeu_ps(dst, _mm512_mul_ps(v, _mm512_loadu_ps(scale)));
#elif VARIANT == VARIANT_AVX2
  const __m256 low_half = _mm256_loadu_ps(value), high_half = _mm256_loadu_ps(value + 8);
  for (int i = 0; i < 16; i += 8) {
    __m256i c = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(codes + i)));
    if (high)
      c = _mm256_srli_epi32(c, 4);
    // Bit 3 of a code, moved to the sign, chooses the half; permutevar reads the low three.
    __m256 v = _mm256_blendv_ps(_mm256_permutevar8x32_ps(low_half, c), _mm256_permutevar8x32_ps(high_half, c), _mm256_castsi256_ps(_mm256_slli_epi32(c, 28)));
    _mm256_storeu_ps(dst + i, _mm256_mul_ps(v, _mm256_loadu_ps(scale + i)));
  }
#else
  for (int i = 0; i < 16; i++)
    dst[i] = value[(high ? codes[i] >> 4 : codes[i]) & 15] * scale[i];
#endif
}

KERNEL void nf4_block(const matrix *m, int64_t block, int64_t k0, int64_t k, float *dst, int64_t ld) {
  const int64_t pairs = (m->cols + 1) / 2;
  const uint8_t *codes = m->codes + block * pairs * 16;
  for (int64_t c = k0; c < k0 + k;) {
    int64_t end = (c / m->segment + 1) * m->segment;
    if (end > k0 + k)
      end = k0 + k;
    float scale[16];
    for (int64_t r = 0; r < 16; r++) {
      const int64_t row = block * 16 + r;
      scale[r] = row < m->rows ? NAME(block_scale)(m, (row * m->cols + c) / 64) : 0.0f;
    }
    for (; c < end; c++)
      NAME(lookup16)(m->value, codes + c / 2 * 16, c & 1, scale, dst + (c - k0) * ld);
  }
}
#endif

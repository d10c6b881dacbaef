#ifndef VARIANT
#define SOURCE "dropout.c"
#include "variants.h"

ENTRY(dropout_apply, LIST(const dropout *d, const float *x, float *y, int64_t t, int64_t c0, int64_t c1), LIST(d, x, y, t, c0, c1))
#else
#include "dropout.h"

// philox writes the words of Philox4x32-10 (Salmon et al. 2011) for the counters
// c..c+LANES/2 in their first word, each a 64-bit lane of a vector.
INLINE void NAME(philox)(uint32_t c, const uint32_t *where, const uint32_t *key, uint32_t *words) {
#define LANES64 (LANES / 2)
  VL c0, c1, c2, c3;
  for (int i = 0; i < LANES64; i++) {
    c0[i] = (uint32_t)(c + (uint32_t)i);
    c1[i] = where[0];
    c2[i] = where[1];
    c3[i] = where[2];
  }
  uint32_t k0 = key[0], k1 = key[1];
  // Only the low half of a lane is a word; what an exclusive or leaves in the
  // high half is never read.
  UNROLL for (int round = 0; round < 10; round++) {
#if VARIANT == VARIANT_AVX512
    VL p0 = (VL)_mm512_mul_epu32((__m512i)c0, _mm512_set1_epi64(0xD2511F53));
    VL p1 = (VL)_mm512_mul_epu32((__m512i)c2, _mm512_set1_epi64(0xCD9E8D57));
#elif VARIANT == VARIANT_AVX2
    VL p0 = (VL)_mm256_mul_epu32((__m256i)c0, _mm256_set1_epi64x(0xD2511F53));
    VL p1 = (VL)_mm256_mul_epu32((__m256i)c2, _mm256_set1_epi64x(0xCD9E8D57));
#else
    VL p0 = (c0 & 0xFFFFFFFFu) * 0xD2511F53u;
    VL p1 = (c2 & 0xFFFFFFFFu) * 0xCD9E8D57u;
#endif
    c0 = (p1 >> 32) ^ c1 ^ (uint64_t)k0;
    c2 = (p0 >> 32) ^ c3 ^ (uint64_t)k1;
    c1 = p1;
    c3 = p0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  VL low = (c0 & 0xFFFFFFFFu) | c1 << 32, high = (c2 & 0xFFFFFFFFu) | c3 << 32;
#if VARIANT == VARIANT_AVX512
  const __m512i first = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), second = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
  _mm512_storeu_si512(words, _mm512_permutex2var_epi64((__m512i)low, first, (__m512i)high));
  _mm512_storeu_si512(words + 16, _mm512_permutex2var_epi64((__m512i)low, second, (__m512i)high));
#else
  for (int i = 0; i < LANES64; i++) {
    words[4 * i] = (uint32_t)low[i];
    words[4 * i + 1] = (uint32_t)(low[i] >> 32);
    words[4 * i + 2] = (uint32_t)high[i];
    words[4 * i + 3] = (uint32_t)(high[i] >> 32);
  }
#endif
}

KERNEL void drop_rows(const dropout *d, const float *x, int64_t ldx, int64_t t0, int64_t t1, int64_t c0, int64_t cols, float *y, int64_t ldy, float *factor) {
  enum { STEP = 2 * LANES }; // words of one call of philox
  for (int64_t t = t0; t < t1; t++) {
    const float *from = x + t * ldx + c0;
    float *to = y + (t - t0) * ldy, *keep = factor ? factor + (t - t0) * ldy : 0;
    for (int64_t c = 0; c < cols; c += STEP) {
      uint32_t words[STEP] __attribute__((aligned(64)));
      NAME(philox)((uint32_t)((c0 + c) / 4), d->where + 3 * t, d->key, words);
      for (int64_t i = c; i < cols && i < c + STEP; i += LANES) {
        typedef uint32_t U __attribute__((vector_size(4 * LANES)));
        U w = *(const U *)(words + (i - c));
        V f = select_v((VI)(w >= d->threshold), splat(d->keep), splat(0.0f));
        // A multiplication would keep a dropped infinity or NaN.
        VI kept = (VI)(w >= d->threshold);
        if (cols - i >= LANES) {
          store(to + i, select_v(kept, load(from + i) * splat(d->keep), splat(0.0f)));
          if (keep)
            store(keep + i, f);
        } else {
          store_n(to + i, select_v(kept, load_n(from + i, cols - i) * splat(d->keep), splat(0.0f)), cols - i);
          if (keep)
            store_n(keep + i, f, cols - i);
        }
      }
    }
  }
}

KERNEL void NAME(dropout_apply)(const dropout *d, const float *x, float *y, int64_t t, int64_t c0, int64_t c1) {
  drop_rows(d, x, 0, t, t + 1, c0, c1 - c0, y, 0, 0);
}
#endif

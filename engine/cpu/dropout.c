#ifndef VARIANT
#define SOURCE "dropout.c"
#include "variants.h"
#else
#include "dropout.h"

// philox writes the words of Philox4x32-10 (Salmon et al. 2011) for LANES/2
// counters whose first words are c0 and the rest the same. Counters are the
// 64-bit lanes of a vector, of which only the low half is a word: what an
// exclusive or leaves in the high half is never read.
INLINE void NAME(philox)(VL c0, VL c1, VL c2, VL c3, const VL *keys, uint32_t *words) {
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
    c0 = (p1 >> 32) ^ c1 ^ keys[2 * round];
    c2 = (p0 >> 32) ^ c3 ^ keys[2 * round + 1];
    c1 = p1;
    c3 = p0;
  }
  VL low = (c0 & 0xFFFFFFFFu) | c1 << 32, high = (c2 & 0xFFFFFFFFu) | c3 << 32;
#if VARIANT == VARIANT_AVX512
  const __m512i first = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), second = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
  _mm512_store_si512(words, _mm512_permutex2var_epi64((__m512i)low, first, (__m512i)high));
  _mm512_store_si512(words + 16, _mm512_permutex2var_epi64((__m512i)low, second, (__m512i)high));
#elif VARIANT == VARIANT_AVX2
  const __m256i even = _mm256_unpacklo_epi64((__m256i)low, (__m256i)high), odd = _mm256_unpackhi_epi64((__m256i)low, (__m256i)high);
  _mm256_store_si256((__m256i *)words, _mm256_permute2x128_si256(even, odd, 0x20));
  _mm256_store_si256((__m256i *)(words + 8), _mm256_permute2x128_si256(even, odd, 0x31));
#else
  for (int i = 0; i < LANES / 2; i++) {
    words[4 * i] = (uint32_t)low[i];
    words[4 * i + 1] = (uint32_t)(low[i] >> 32);
    words[4 * i + 2] = (uint32_t)high[i];
    words[4 * i + 3] = (uint32_t)(high[i] >> 32);
  }
#endif
}

// kept is all ones where a word is at least the threshold.
INLINE VI NAME(kept)(const uint32_t *words, uint32_t threshold) {
  typedef uint32_t U __attribute__((vector_size(4 * LANES), may_alias));
  return (VI)(*(const U *)words >= threshold);
}

KERNEL void drop_rows(const dropout *d, const float *x, int64_t ldx, int64_t t0, int64_t t1, int64_t c0, int64_t cols, float *y, int64_t ldy, float *factor) {
  enum { STEP = 2 * LANES }; // words of one call of philox
  const V scale = splat(d->keep), zero = splat(0.0f);
  VL lane;
  for (int i = 0; i < LANES / 2; i++)
    lane[i] = (uint64_t)i;
  VL keys[20]; // of the rounds
  for (uint32_t round = 0; round < 10; round++) {
    keys[2 * round] = (lane ^ lane) + (d->key[0] + round * 0x9E3779B9u);
    keys[2 * round + 1] = (lane ^ lane) + (d->key[1] + round * 0xBB67AE85u);
  }
  for (int64_t t = t0; t < t1; t++) {
    const float *from = x + t * ldx + c0;
    float *to = y + (t - t0) * ldy, *keep = factor ? factor + (t - t0) * ldy : 0;
    const uint32_t *where = d->where + 3 * t;
    const VL none = lane ^ lane, c1 = none + where[0], c2 = none + where[1], c3 = none + where[2];
    uint32_t words[STEP] __attribute__((aligned(64)));
    int64_t c = 0;
    for (; c + STEP <= cols; c += STEP) {
      NAME(philox)(lane + (uint64_t)((c0 + c) / 4), c1, c2, c3, keys, words);
      const VI first = NAME(kept)(words, d->threshold), second = NAME(kept)(words + LANES, d->threshold);
      // A multiplication by the mask would keep a dropped infinity or NaN.
      store(to + c, select_v(first, load(from + c) * scale, zero));
      store(to + c + LANES, select_v(second, load(from + c + LANES) * scale, zero));
      if (keep) {
        store(keep + c, select_v(first, scale, zero));
        store(keep + c + LANES, select_v(second, scale, zero));
      }
    }
    if (c == cols)
      continue;
    NAME(philox)(lane + (uint64_t)((c0 + c) / 4), c1, c2, c3, keys, words);
    for (int64_t i = 0; c + i < cols; i++) {
      const int kept = words[i] >= d->threshold;
      to[c + i] = kept ? from[c + i] * d->keep : 0.0f;
      if (keep)
        keep[c + i] = kept ? d->keep : 0.0f;
    }
  }
}
#endif

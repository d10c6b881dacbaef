#ifndef VARIANT
#define SOURCE "dropout.c"
#include "variants.h"
#else
#include "dropout.h"

// PAIR is how many vectors of counters are worked on at once: the ten rounds are
// one chain of dependent multiplications, and two chains hide each other's waits.
enum { NAME(PAIR) = 2 };

// counters are LANES/2 counters of Philox, one in each 64-bit lane, of which only
// the low half is a word: what an exclusive or leaves in the high half is never read.
typedef struct {
  VL c[4];
} NAME(counters);

// philox writes the words of Philox4x32-10 (Salmon et al. 2011) for each of x to
// words, 2*LANES for each vector of counters.
INLINE void NAME(philox)(NAME(counters) *x, const VL *keys, uint32_t *words) {
  UNROLL for (int round = 0; round < 10; round++)
    UNROLL for (int i = 0; i < NAME(PAIR); i++) {
      VL *c = x[i].c;
#if VARIANT == VARIANT_AVX512
      VL p0 = (VL)_mm512_mul_epu32((__m512i)c[0], _mm512_set1_epi64(0xD2511F53));
      VL p1 = (VL)_mm512_mul_epu32((__m512i)c[2], _mm512_set1_epi64(0xCD9E8D57));
#elif VARIANT == VARIANT_AVX2
      VL p0 = (VL)_mm256_mul_epu32((__m256i)c[0], _mm256_set1_epi64x(0xD2511F53));
      VL p1 = (VL)_mm256_mul_epu32((__m256i)c[2], _mm256_set1_epi64x(0xCD9E8D57));
#else
      VL p0 = (c[0] & 0xFFFFFFFFu) * 0xD2511F53u;
      VL p1 = (c[2] & 0xFFFFFFFFu) * 0xCD9E8D57u;
#endif
      c[0] = (p1 >> 32) ^ c[1] ^ keys[2 * round];
      c[2] = (p0 >> 32) ^ c[3] ^ keys[2 * round + 1];
      c[1] = p1;
      c[3] = p0;
    }
  UNROLL for (int i = 0; i < NAME(PAIR); i++, words += 2 * LANES) {
    const VL *c = x[i].c;
    VL low = (c[0] & 0xFFFFFFFFu) | c[1] << 32, high = (c[2] & 0xFFFFFFFFu) | c[3] << 32;
#if VARIANT == VARIANT_AVX512
    const __m512i first = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), second = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
    _mm512_store_si512(words, _mm512_permutex2var_epi64((__m512i)low, first, (__m512i)high));
    _mm512_store_si512(words + 16, _mm512_permutex2var_epi64((__m512i)low, second, (__m512i)high));
#elif VARIANT == VARIANT_AVX2
    const __m256i even = _mm256_unpacklo_epi64((__m256i)low, (__m256i)high), odd = _mm256_unpackhi_epi64((__m256i)low, (__m256i)high);
    _mm256_store_si256((__m256i *)words, _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_store_si256((__m256i *)(words + 8), _mm256_permute2x128_si256(even, odd, 0x31));
#else
    for (int j = 0; j < LANES / 2; j++) {
      words[4 * j] = (uint32_t)low[j];
      words[4 * j + 1] = (uint32_t)(low[j] >> 32);
      words[4 * j + 2] = (uint32_t)high[j];
      words[4 * j + 3] = (uint32_t)(high[j] >> 32);
    }
#endif
  }
}

// kept is all ones where a word is at least the threshold.
INLINE VI NAME(kept)(const uint32_t *words, uint32_t threshold) {
  typedef uint32_t U __attribute__((vector_size(4 * LANES), may_alias));
  return (VI)(*(const U *)words >= threshold);
}

KERNEL void drop_rows(const dropout *d, const float *x, int64_t ldx, int64_t t0, int64_t t1, int64_t c0, int64_t cols, float *y, int64_t ldy, float *factor) {
  enum { STEP = 2 * LANES }; // words of a vector of counters
  const V scale = splat(d->keep), zero = splat(0.0f);
  VL lane;
  for (int i = 0; i < LANES / 2; i++)
    lane[i] = (uint64_t)i;
  const VL none = lane ^ lane;
  VL keys[20]; // of the rounds
  for (uint32_t round = 0; round < 10; round++) {
    keys[2 * round] = none + (d->key[0] + round * 0x9E3779B9u);
    keys[2 * round + 1] = none + (d->key[1] + round * 0xBB67AE85u);
  }
  for (int64_t t = t0; t < t1; t += NAME(PAIR)) {
    const int64_t rows = t1 - t < NAME(PAIR) ? t1 - t : NAME(PAIR);
    for (int64_t c = 0; c < cols; c += STEP) {
      NAME(counters) counters[NAME(PAIR)];
      UNROLL for (int r = 0; r < NAME(PAIR); r++) {
        const uint32_t *where = d->where + 3 * (t + (r < rows ? r : 0));
        counters[r] = (NAME(counters)){{lane + (uint64_t)((c0 + c) / 4), none + where[0], none + where[1], none + where[2]}};
      }
      uint32_t words[NAME(PAIR) * STEP] __attribute__((aligned(64)));
      NAME(philox)(counters, keys, words);
      for (int64_t r = 0; r < rows; r++) {
        const uint32_t *w = words + r * STEP;
        const float *from = x + (t + r) * ldx + c0 + c;
        float *to = y + (t - t0 + r) * ldy + c, *keep = factor ? factor + (t - t0 + r) * ldy + c : 0;
        if (c + STEP > cols) {
          for (int64_t i = 0; c + i < cols; i++) {
            const int kept = w[i] >= d->threshold;
            to[i] = kept ? from[i] * d->keep : 0.0f;
            if (keep)
              keep[i] = kept ? d->keep : 0.0f;
          }
          continue;
        }
        const VI first = NAME(kept)(w, d->threshold), second = NAME(kept)(w + LANES, d->threshold);
        // A multiplication by the mask would keep a dropped infinity or NaN.
        store(to, select_v(first, load(from) * scale, zero));
        store(to + LANES, select_v(second, load(from + LANES) * scale, zero));
        if (keep) {
          store(keep, select_v(first, scale, zero));
          store(keep + LANES, select_v(second, scale, zero));
        }
      }
    }
  }
}
#endif

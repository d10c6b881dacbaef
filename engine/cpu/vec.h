// Vectors of the variant being compiled, on GCC's and Clang's vector extensions.
//
// The rules that make every variant compute the same bits, whatever its width:
// an element of a product is one chain of fused multiply-adds; a sum along a
// row has sixteen partial sums, one for each index modulo sixteen, added up in
// the order of sum16; everything else is element by element. Nothing is
// contracted behind our back: -std=c11 turns that off in GCC, the pragma in Clang.

#ifndef VEC_DONE
#define VEC_DONE

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#undef LANES
#undef PARTS
#if VARIANT == VARIANT_AVX512
#define LANES 16
#elif VARIANT == VARIANT_AVX2
#define LANES 8
#else
#define LANES 4
#endif
#define PARTS (16 / LANES) // vectors in the sixteen partial sums of a row

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline, unused)) TARGET
#define KERNEL TARGET
#define UNROLL _Pragma("GCC unroll 16")
#define V NAME(vec)
#define VI NAME(veci)
#define VL NAME(vecl)
#define load NAME(load)
#define store NAME(store)
#define splat NAME(splat)
#define fma_v NAME(fma_v)
#define sqrt_v NAME(sqrt_v)
#define max_v NAME(max_v)
#define select_v NAME(select_v)
#define first_n NAME(first_n)
#define load_n NAME(load_n)
#define store_n NAME(store_n)
#define sum16 NAME(sum16)
#define max16 NAME(max16)
#define exp_v NAME(exp_v)
#define sigmoid_v NAME(sigmoid_v)
#endif

typedef float V __attribute__((vector_size(4 * LANES)));
typedef int32_t VI __attribute__((vector_size(4 * LANES)));
typedef uint64_t VL __attribute__((vector_size(4 * LANES)));

INLINE V load(const float *p) {
  typedef float U __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
  return *(const U *)p;
}

INLINE void store(float *p, V v) {
  typedef float U __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
  *(U *)p = v;
}

INLINE V splat(float x) {
#if LANES == 16
  return (V){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
#elif LANES == 8
  return (V){x, x, x, x, x, x, x, x};
#else
  return (V){x, x, x, x};
#endif
}

// fma_v is a*b+c, rounded once.
INLINE V fma_v(V a, V b, V c) {
#if VARIANT == VARIANT_AVX512
  return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VARIANT == VARIANT_AVX2
  return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (V)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  V r;
  for (int i = 0; i < LANES; i++)
    r[i] = fmaf(a[i], b[i], c[i]);
  return r;
#endif
}

INLINE V sqrt_v(V x) {
#if VARIANT == VARIANT_AVX512
  return (V)_mm512_sqrt_ps((__m512)x);
#elif VARIANT == VARIANT_AVX2
  return (V)_mm256_sqrt_ps((__m256)x);
#else
  V r;
  for (int i = 0; i < LANES; i++)
    r[i] = sqrtf(x[i]);
  return r;
#endif
}

// select_v is a where the mask is all ones, b where it is zero.
INLINE V select_v(VI mask, V a, V b) { return (V)((mask & (VI)a) | (~mask & (VI)b)); }

// max_v is the larger, or a if either is NaN.
INLINE V max_v(V a, V b) { return select_v(b > a, b, a); }

// first_n is all ones in the first n lanes.
INLINE VI first_n(int64_t n) {
#if LANES == 16
  const VI lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif LANES == 8
  const VI lane = {0, 1, 2, 3, 4, 5, 6, 7};
#else
  const VI lane = {0, 1, 2, 3};
#endif
  return lane < (int32_t)n;
}

// load_n reads n < LANES elements and zeroes after them.
INLINE V load_n(const float *p, int64_t n) {
#if VARIANT == VARIANT_AVX512
  return (V)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif VARIANT == VARIANT_AVX2
  return (V)_mm256_maskload_ps(p, (__m256i)first_n(n));
#else
  float t[LANES] = {0};
  for (int64_t i = 0; i < n; i++)
    t[i] = p[i];
  return load(t);
#endif
}

INLINE void store_n(float *p, V v, int64_t n) {
#if VARIANT == VARIANT_AVX512
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif VARIANT == VARIANT_AVX2
  _mm256_maskstore_ps(p, (__m256i)first_n(n), (__m256)v);
#else
  float t[LANES];
  store(t, v);
  for (int64_t i = 0; i < n; i++)
    p[i] = t[i];
#endif
}

// QUARTER halves a row's sixteen numbers to four, joining i and i+8, then i and
// i+4, with an operation on vectors of any width.
#if VARIANT == VARIANT_AVX512
#define QUARTER(acc, op8, op4)                                                                                             \
  const __m256 eight = op8(_mm512_castps512_ps256((__m512)acc[0]), _mm512_extractf32x8_ps((__m512)acc[0], 1));             \
  const __m128 four = op4(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1))
#elif VARIANT == VARIANT_AVX2
#define QUARTER(acc, op8, op4)                                        \
  const __m256 eight = op8((__m256)acc[0], (__m256)acc[1]);           \
  const __m128 four = op4(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1))
#endif

// sum16 adds up the sixteen partial sums of a row, halving them each time.
INLINE float sum16(const V *acc) {
#if VARIANT == VARIANT_BASELINE
  const V four = (acc[0] + acc[2]) + (acc[1] + acc[3]);
#else
  QUARTER(acc, _mm256_add_ps, _mm_add_ps);
#endif
  return (four[0] + four[2]) + (four[1] + four[3]);
}

// max16 is the largest of sixteen numbers, whatever their order.
INLINE float max16(const V *acc) {
#if VARIANT == VARIANT_BASELINE
  const V four = max_v(max_v(acc[0], acc[2]), max_v(acc[1], acc[3]));
#else
  QUARTER(acc, _mm256_max_ps, _mm_max_ps);
#endif
  const float a = four[0] > four[2] ? four[0] : four[2], b = four[1] > four[3] ? four[1] : four[3];
  return a > b ? a : b;
}
#undef QUARTER

// exp_v is e^x with a relative error below 1.2e-7 (2 ulp): x = n ln 2 + r with
// |r| <= ln 2 / 2, a polynomial in r, and n added to the exponent. Below -87.3
// the result is 0, where that of the mathematical function becomes denormal;
// above 88.7 it is infinity; NaN stays NaN.
INLINE V exp_v(V x) {
  const V shift = splat(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer
  V t = fma_v(x, splat(1.44269504088896341f), shift);
  V n = t - shift;
  V r = fma_v(n, splat(-0.693145751953125f), x); // ln 2 in two parts, Cody & Waite
  r = fma_v(n, splat(-1.42860682030941723212e-6f), r);
  V p = splat(1.9875691500e-4f); // the minimax polynomial of Cephes' expf
  p = fma_v(p, r, splat(1.3981999507e-3f));
  p = fma_v(p, r, splat(8.3334519073e-3f));
  p = fma_v(p, r, splat(4.1665795894e-2f));
  p = fma_v(p, r, splat(1.6666665459e-1f));
  p = fma_v(p, r, splat(5.0000001201e-1f));
  p = fma_v(p, r * r, r) + splat(1.0f);
  // Two factors, so that n = 128 (a result just below the largest float) works.
  VI e = (VI)t - (VI)shift;
  VI half = e >> 1;
  V y = p * (V)((half + 127) << 23) * (V)((e - half + 127) << 23);
  y = select_v(x < splat(-87.3f), splat(0.0f), y);
  y = select_v(x > splat(88.7228f), splat(INFINITY), y);
  return select_v(x == x, y, x);
}

// sigmoid_v is 1/(1+e^-x).
INLINE V sigmoid_v(V x) {
  const V one = splat(1.0f);
  return one / (one + exp_v(splat(0.0f) - x));
}

#endif

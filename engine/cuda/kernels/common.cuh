// What the kernels of all operations share: element types, groups of eight
// elements, and sums in a fixed order.
//
// Nothing here needs a header, so that NVRTC compiles it without any. Loops over
// elements work on groups of eight because that is 16 bytes of bfloat16, the
// widest access there is, and four bytes of NF4 codes.

#pragma once

#ifdef __CUDACC_RTC__
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#endif

#define DEVICE static __device__ __forceinline__
// KERNEL is extern "C" so that the host finds a kernel by its plain name.
#define KERNEL extern "C" __global__ void

enum { WARP = 32, GROUP = 8 };

// --- Element types -----------------------------------------------------------

// bf16 is the upper half of a float: 8 bits of exponent, 7 of fraction.
struct bf16 {
  uint16_t bits;
};
typedef float f32;

DEVICE float widen(bf16 x) { return __uint_as_float((uint32_t)x.bits << 16); }
DEVICE float widen(float x) { return x; }

// narrow2 rounds two floats to the nearest bf16, ties to even; lo goes into the lower half.
DEVICE uint32_t narrow2(float lo, float hi) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(hi), "f"(lo));
  return packed;
}

// put stores one element, rounded if need be.
DEVICE void put(float *p, float x) { *p = x; }
DEVICE void put(bf16 *p, float x) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(p->bits) : "f"(x)); }

DEVICE float low_half(uint32_t pair) { return __uint_as_float(pair << 16); }
DEVICE float high_half(uint32_t pair) { return __uint_as_float(pair & 0xFFFF0000u); }

// --- Groups of eight elements --------------------------------------------------

// A group's address is a multiple of its size: rows of a matrix start at multiples
// of 64 elements, and groups at columns that are multiples of eight.
DEVICE void unpack(uint4 from, float (&v)[GROUP]) {
  v[0] = low_half(from.x), v[1] = high_half(from.x), v[2] = low_half(from.y), v[3] = high_half(from.y);
  v[4] = low_half(from.z), v[5] = high_half(from.z), v[6] = low_half(from.w), v[7] = high_half(from.w);
}

DEVICE uint4 pack(const float (&v)[GROUP]) {
  return make_uint4(narrow2(v[0], v[1]), narrow2(v[2], v[3]), narrow2(v[4], v[5]), narrow2(v[6], v[7]));
}

DEVICE void load(const bf16 *p, float (&v)[GROUP]) { unpack(*(const uint4 *)p, v); }
DEVICE void load(const float *p, float (&v)[GROUP]) {
  const float4 a = ((const float4 *)p)[0], b = ((const float4 *)p)[1];
  v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}

// store_words writes 16 bytes of global memory at once. The compiler would take a
// uint4 apart, and does not always find its way back.
DEVICE void store_words(void *p, uint4 v) {
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
}

DEVICE uint4 bits4(const float *v) { return make_uint4(__float_as_uint(v[0]), __float_as_uint(v[1]), __float_as_uint(v[2]), __float_as_uint(v[3])); }

DEVICE void store(bf16 *p, const float (&v)[GROUP]) { store_words(p, pack(v)); }
DEVICE void store(float *p, const float (&v)[GROUP]) {
  store_words(p, bits4(v));
  store_words(p + 4, bits4(v + 4));
}

// The first n elements of a group, all of them if n is at least eight; missing
// ones read as zero. The address is a group's.
template <typename T> DEVICE void load(const T *p, int64_t n, float (&v)[GROUP]) {
  if (n >= GROUP)
    return load(p, v);
#pragma unroll
  for (int i = 0; i < GROUP; i++)
    v[i] = i < n ? widen(p[i]) : 0.0f;
}
template <typename T> DEVICE void store(T *p, int64_t n, const float (&v)[GROUP]) {
  if (n >= GROUP)
    return store(p, v);
#pragma unroll
  for (int i = 0; i < GROUP; i++)
    if (i < n)
      put(p + i, v[i]);
}

// load_once marks what no kernel reads again soon, so that it does not push
// other data out of the caches.
DEVICE uint4 load_once(const uint4 *p) { return __ldcs(p); }
DEVICE uint32_t load_once(const uint32_t *p) { return __ldcs(p); }

// --- Sums in a fixed order -----------------------------------------------------

// warp_sum returns the sum over the warp to every lane: always the same tree.
DEVICE float warp_sum(float x) {
#pragma unroll
  for (int lane = WARP / 2; lane > 0; lane /= 2)
    x += __shfl_xor_sync(0xFFFFFFFFu, x, lane);
  return x;
}

// block_sum returns the sums of N values over the block to every thread. The
// tree depends on blockDim.x alone, a multiple of 32 of up to 1024 threads.
template <int N> DEVICE void block_sum(float (&x)[N]) {
  __shared__ float parts[N][WARP];
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
#pragma unroll
  for (int i = 0; i < N; i++)
    x[i] = warp_sum(x[i]);
  if (warps == 1)
    return;
  if (lane == 0)
#pragma unroll
    for (int i = 0; i < N; i++)
      parts[i][warp] = x[i];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < N; i++)
    x[i] = warp_sum(lane < warps ? parts[i][lane] : 0.0f);
  __syncthreads(); // parts may be written again
}

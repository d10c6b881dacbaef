// Rotary position embedding (Su et al. 2021, eq. 34), in the half-split order of
// Hugging Face's Llama: element i of a head turns with element i + dim/2.

#include "common.cuh"

// rope_table fills table (positions, half), cosine and sine of every angle, from
// the angular step of each pair, inverse (half). Angles are products in double: a
// float has no digits left for a fraction of a turn after some thousand radians.
KERNEL rope_table(float2 *table, const double *inverse, int64_t half, int64_t positions) {
  const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= positions * half)
    return;
  double sine, cosine;
  sincos((double)(i / half) * inverse[i % half], &sine, &cosine);
  table[i] = make_float2((float)cosine, (float)sine);
}

// Turns the heads that lie side by side in x (T, heads*2*half) by the angles of
// positions (T), in place; sign -1 turns them back. One block a token; a thread
// keeps its angles from head to head.
template <typename T> DEVICE void rotate(T *x, int64_t xs, const float2 *table, const int32_t *positions, int64_t half, int64_t heads, float sign) {
  x += blockIdx.x * xs;
  table += positions[blockIdx.x] * half;
  if (half % GROUP) { // a head's halves start at no group
    for (int64_t i = threadIdx.x; i < heads * half; i += blockDim.x) {
      const float2 turn = table[i % half];
      T *a = x + i / half * 2 * half + i % half, *b = a + half;
      const float u = widen(*a), v = widen(*b), s = sign * turn.y;
      put(a, u * turn.x - v * s);
      put(b, v * turn.x + u * s);
    }
    return;
  }
  const int64_t groups = half / GROUP, step = blockDim.x / groups; // heads that the block turns at once
  const int64_t head = threadIdx.x / groups, c = threadIdx.x % groups * GROUP;
  if (head >= step)
    return;
  float cosine[GROUP], sine[GROUP];
#pragma unroll
  for (int i = 0; i < GROUP; i += 2) {
    const float4 pair = *(const float4 *)(table + c + i);
    cosine[i] = pair.x, sine[i] = sign * pair.y, cosine[i + 1] = pair.z, sine[i + 1] = sign * pair.w;
  }
#pragma unroll 4
  for (int64_t h = head; h < heads; h += step) {
    T *a = x + h * 2 * half + c, *b = a + half;
    float u[GROUP], v[GROUP], first[GROUP], second[GROUP];
    load(a, u);
    load(b, v);
#pragma unroll
    for (int i = 0; i < GROUP; i++) {
      first[i] = u[i] * cosine[i] - v[i] * sine[i];
      second[i] = v[i] * cosine[i] + u[i] * sine[i];
    }
    store(a, first);
    store(b, second);
  }
}

#define ROPE(type)                                                                                                                                    \
  KERNEL rope_rotate_##type(type *x, int64_t xs, const float2 *table, const int32_t *positions, int64_t half, int64_t heads, float sign) { \
    rotate(x, xs, table, positions, half, heads, sign);                                                                                    \
  }
ROPE(bf16)
ROPE(f32)

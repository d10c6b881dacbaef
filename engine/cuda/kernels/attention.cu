// Attention of any even head size up to 256, in float32 arithmetic: a warp for
// each query, or each key, and head. Simple rather than fast: parity mode and
// head sizes without matrix kernels use it.
//
// S = scale Q K^T, P = softmax(S), O = P V. With D = rowsum(dO o O):
// dV = P^T dO, dS = P o (dO V^T - D) scale, dQ = dS K, dK = dS^T Q
// (Dao et al. 2022, appendix B.2).
//
// Matrices: q, o and their gradients (T, heads*dim); k, v and theirs (T,
// kv_heads*dim); lse (heads, T); stats (heads, T). document d is tokens
// starts[d]..starts[d+1], and owner[t] is the document of token t.

#include "attention.cuh"

enum { WARPS = 4, WIDEST = 256, CHANNELS = WIDEST / WARP };

// fetch copies a row to shared memory as floats.
template <typename T> DEVICE void fetch(float *to, const T *from, int64_t dim, int lane) {
  for (int c = lane; c < dim; c += WARP)
    to[c] = widen(from[c]);
  __syncwarp();
}

template <typename T> DEVICE float dot(const float *a, const T *b, int64_t dim) {
  float sum = 0.0f;
  for (int c = 0; c < dim; c++)
    sum = fmaf(a[c], widen(b[c]), sum);
  return sum;
}

// accumulate adds weight * row to the channels that the lane holds: lane, lane+32, ...
template <typename T> DEVICE void accumulate(float (&sum)[CHANNELS], float weight, const T *row, int64_t dim, int lane) {
#pragma unroll
  for (int i = 0; i < CHANNELS; i++)
    if (lane + i * WARP < dim)
      sum[i] = fmaf(weight, widen(row[lane + i * WARP]), sum[i]);
}

template <typename T> DEVICE void put_row(T *row, const float (&x)[CHANNELS], float factor, int64_t dim, int lane) {
#pragma unroll
  for (int i = 0; i < CHANNELS; i++)
    if (lane + i * WARP < dim)
      put(row + lane + i * WARP, x[i] * factor);
}

DEVICE float warp_max(float x) {
#pragma unroll
  for (int lane = WARP / 2; lane > 0; lane /= 2)
    x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, lane));
  return x;
}

// A NaN among the scores gets lost in the maximum but not in the sum.
template <typename T>
DEVICE void forward(T *o, int64_t ldo, float *lse, const T *q, int64_t ldq, const T *k, int64_t ldk, const T *v, int64_t ldv, const int32_t *owner, const int32_t *starts, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) {
  __shared__ float rows[WARPS][WIDEST];
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  const int64_t t = (int64_t)blockIdx.x * WARPS + warp, head = blockIdx.y, kv = head / (heads / kv_heads);
  if (t >= tokens)
    return;
  fetch(rows[warp], q + t * ldq + head * dim, dim, lane);
  float sum = 0.0f, largest = MINUS_INFINITY, out[CHANNELS] = {};
  for (int64_t from = max((int64_t)starts[owner[t]], t + 1 - window); from <= t; from += WARP) {
    const int count = t - from < WARP ? (int)(t - from) + 1 : WARP;
    float s = MINUS_INFINITY;
    if (lane < count)
      s = scale * dot(rows[warp], k + (from + lane) * ldk + kv * dim, dim);
    const float next = fmaxf(largest, warp_max(s));
    const float p = lane < count ? expf(s - next) : 0.0f, shrink = expf(largest - next);
    largest = next;
    sum = fmaf(sum, shrink, warp_sum(p));
#pragma unroll
    for (int i = 0; i < CHANNELS; i++)
      out[i] *= shrink;
    for (int i = 0; i < count; i++)
      accumulate(out, __shfl_sync(0xFFFFFFFFu, p, i), v + (from + i) * ldv + kv * dim, dim, lane);
  }
  put_row(o + t * ldo + head * dim, out, 1.0f / sum, dim, lane);
  if (lane == 0)
    lse[head * tokens + t] = largest + logf(sum);
}

// backward_stats gives each row of the softmax its stats; half a warp a row.
template <typename T>
DEVICE void backward_stats(stats *out, const T *o, int64_t ldo, const T *d_o, int64_t lddo, const float *lse, int64_t heads, int64_t dim, int64_t tokens, float unit) {
  constexpr int LANES = WARP / 2;
  const int lane = threadIdx.x % LANES;
  const int64_t row = (int64_t)blockIdx.x * (blockDim.x / LANES) + threadIdx.x / LANES;
  const int64_t t = row / heads, head = row % heads;
  float sum = 0.0f;
  if (t < tokens)
    for (int64_t c = lane * GROUP; c < dim; c += LANES * GROUP) {
      float a[GROUP], b[GROUP];
      const T *x = o + t * ldo + head * dim + c, *y = d_o + t * lddo + head * dim + c;
      if (dim % GROUP == 0) {
        load(x, a);
        load(y, b);
      } else // heads do not begin where groups do
#pragma unroll
        for (int i = 0; i < GROUP; i++)
          a[i] = c + i < dim ? widen(x[i]) : 0.0f, b[i] = c + i < dim ? widen(y[i]) : 0.0f;
#pragma unroll
      for (int i = 0; i < GROUP; i++)
        sum = fmaf(a[i], b[i], sum);
    }
#pragma unroll
  for (int step = LANES / 2; step > 0; step /= 2)
    sum += __shfl_xor_sync(0xFFFFFFFFu, sum, step);
  if (lane == 0 && t < tokens)
    out[head * tokens + t] = {lse[head * tokens + t] * unit, sum};
}

template <typename T>
DEVICE void backward_q(T *dq, int64_t lddq, const T *q, int64_t ldq, const T *k, int64_t ldk, const T *v, int64_t ldv, const T *d_o, int64_t lddo, const stats *rows_of, const int32_t *owner, const int32_t *starts, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) {
  __shared__ float rows[2][WARPS][WIDEST];
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  const int64_t t = (int64_t)blockIdx.x * WARPS + warp, head = blockIdx.y, kv = head / (heads / kv_heads);
  if (t >= tokens)
    return;
  fetch(rows[0][warp], q + t * ldq + head * dim, dim, lane);
  fetch(rows[1][warp], d_o + t * lddo + head * dim, dim, lane);
  const stats row = rows_of[head * tokens + t];
  float out[CHANNELS] = {};
  for (int64_t from = max((int64_t)starts[owner[t]], t + 1 - window); from <= t; from += WARP) {
    const int count = t - from < WARP ? (int)(t - from) + 1 : WARP;
    float ds = 0.0f;
    if (lane < count) {
      const int64_t u = from + lane;
      const float p = expf(scale * dot(rows[0][warp], k + u * ldk + kv * dim, dim) - row.lse);
      ds = p * (dot(rows[1][warp], v + u * ldv + kv * dim, dim) - row.delta);
    }
    for (int i = 0; i < count; i++)
      accumulate(out, __shfl_sync(0xFFFFFFFFu, ds, i), k + (from + i) * ldk + kv * dim, dim, lane);
  }
  put_row(dq + t * lddq + head * dim, out, scale, dim, lane);
}

// backward_kv adds up over the heads of the group, then over queries, both in order.
template <typename T>
DEVICE void backward_kv(T *dk, int64_t lddk, T *dv, int64_t lddv, const T *q, int64_t ldq, const T *k, int64_t ldk, const T *v, int64_t ldv, const T *d_o, int64_t lddo, const stats *rows_of, const int32_t *owner, const int32_t *starts, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) {
  __shared__ float rows[2][WARPS][WIDEST];
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  const int64_t t = (int64_t)blockIdx.x * WARPS + warp, kv = blockIdx.y, group = heads / kv_heads;
  if (t >= tokens)
    return;
  fetch(rows[0][warp], k + t * ldk + kv * dim, dim, lane);
  fetch(rows[1][warp], v + t * ldv + kv * dim, dim, lane);
  const int64_t end = min((int64_t)starts[owner[t] + 1], t + window);
  float out_k[CHANNELS] = {}, out_v[CHANNELS] = {};
  for (int64_t head = kv * group; head < (kv + 1) * group; head++)
    for (int64_t from = t; from < end; from += WARP) {
      const int count = end - from < WARP ? (int)(end - from) : WARP;
      float p = 0.0f, ds = 0.0f;
      if (lane < count) {
        const int64_t u = from + lane;
        const stats row = rows_of[head * tokens + u];
        p = expf(scale * dot(rows[0][warp], q + u * ldq + head * dim, dim) - row.lse);
        ds = p * (dot(rows[1][warp], d_o + u * lddo + head * dim, dim) - row.delta);
      }
      for (int i = 0; i < count; i++) {
        accumulate(out_v, __shfl_sync(0xFFFFFFFFu, p, i), d_o + (from + i) * lddo + head * dim, dim, lane);
        accumulate(out_k, __shfl_sync(0xFFFFFFFFu, ds, i), q + (from + i) * ldq + head * dim, dim, lane);
      }
    }
  put_row(dk + t * lddk + kv * dim, out_k, scale, dim, lane);
  put_row(dv + t * lddv + kv * dim, out_v, 1.0f, dim, lane);
}

#define INSTANCES(T) \
  KERNEL attention_forward_##T(T *o, int64_t ldo, float *lse, const T *q, int64_t ldq, const T *k, int64_t ldk, const T *v, int64_t ldv, const int32_t *owner, const int32_t *starts, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) { \
    forward(o, ldo, lse, q, ldq, k, ldk, v, ldv, owner, starts, heads, kv_heads, dim, tokens, window, scale); \
  } \
  KERNEL attention_stats_##T(stats *out, const T *o, int64_t ldo, const T *d_o, int64_t lddo, const float *lse, int64_t heads, int64_t dim, int64_t tokens, float unit) { \
    backward_stats(out, o, ldo, d_o, lddo, lse, heads, dim, tokens, unit); \
  } \
  KERNEL attention_backward_q_##T(T *dq, int64_t lddq, const T *q, int64_t ldq, const T *k, int64_t ldk, const T *v, int64_t ldv, const T *d_o, int64_t lddo, const stats *rows, const int32_t *owner, const int32_t *starts, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) { \
    backward_q(dq, lddq, q, ldq, k, ldk, v, ldv, d_o, lddo, rows, owner, starts, heads, kv_heads, dim, tokens, window, scale); \
  } \
  KERNEL attention_backward_kv_##T(T *dk, int64_t lddk, T *dv, int64_t lddv, const T *q, int64_t ldq, const T *k, int64_t ldk, const T *v, int64_t ldv, const T *d_o, int64_t lddo, const stats *rows, const int32_t *owner, const int32_t *starts, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) { \
    backward_kv(dk, lddk, dv, lddv, q, ldq, k, ldk, v, ldv, d_o, lddo, rows, owner, starts, heads, kv_heads, dim, tokens, window, scale); \
  }

INSTANCES(bf16)
INSTANCES(f32)

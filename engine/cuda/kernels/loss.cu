// Cross-entropy of rows of logits, fused with its gradient, and what lies around
// the head: rows without a target get nothing, the others a gradient through the
// final norm.

#include "best.cuh"

// exponential is exp(x), x <= 0: as exact as float32 in f32, and in bf16 with the
// hardware's approximation.
template <typename T> DEVICE float exponential(float x);
template <> __device__ __forceinline__ float exponential<f32>(float x) { return expf(x); }
template <> __device__ __forceinline__ float exponential<bf16>(float x) { return __expf(x); }

// clear zeroes nll, hit and, if given, d (T, width) at rows without a target. One block a row.
template <typename T> DEVICE void clear(float *nll, float *hit, T *d, int64_t ds, const int32_t *targets, int64_t width) {
  if (targets[blockIdx.x] >= 0)
    return;
  if (threadIdx.x == 0)
    nll[blockIdx.x] = hit[blockIdx.x] = 0.0f;
  const float zeros[GROUP] = {};
  if (d)
    for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP)
      store(d + blockIdx.x * ds + c, width - c, zeros);
}

// cross_entropy does row blockIdx.x of logits (n, vocab), which is row
// r = rows[blockIdx.x] of the batch:
//
//	nll[r] = log(sum(exp(logits))) - logits[target]
//	hit[r] = whether target is the first of the largest logits
//
// and, if asked for, puts scale*(softmax - onehot) in place of the logits: elements
// of type T from the row's start on, so of bf16 in the first half of its memory.
template <typename T> DEVICE void cross_entropy(float *nll, float *hit, float *logits, int64_t stride, const int32_t *rows, const int32_t *targets, int64_t vocab, float scale, bool gradient) {
  const int32_t r = rows[blockIdx.x];
  const int64_t target = targets[r];
  float *row = logits + blockIdx.x * stride;
  const float wanted = row[target];

  // The sum is of exp(x - top.value), kept up as top grows.
  best top = none();
  float sum = 0.0f;
  for (int64_t c = threadIdx.x * GROUP; c < vocab; c += blockDim.x * GROUP) {
    float v[GROUP];
    load(row + c, vocab - c, v);
    const float before = top.value;
#pragma unroll
    for (int i = 0; i < GROUP; i++) {
      if (c + i >= vocab)
        v[i] = none().value;
      if (v[i] > top.value)
        top = {v[i], (uint32_t)(c + i)};
    }
    const float base = top.index == NOWHERE ? 0.0f : top.value; // only -inf so far
    if (top.value > before)
      sum *= exponential<T>(before - base);
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      sum += exponential<T>(v[i] - base);
  }
  const float own = top.value;
  top = block_best(top);
  float sums[1] = {sum * exponential<T>(own - top.value)};
  block_sum(sums);
  if (threadIdx.x == 0) {
    nll[r] = top.value - wanted + logf(sums[0]);
    hit[r] = top.index == (uint32_t)target ? 1.0f : 0.0f;
  }
  if (!gradient)
    return;
  const float factor = scale / sums[0];
  T *out = (T *)row;
  for (int64_t from = 0; from < vocab; from += blockDim.x * GROUP) {
    const int64_t c = from + threadIdx.x * GROUP;
    float v[GROUP];
    if (c < vocab) {
      load(row + c, vocab - c, v);
#pragma unroll
      for (int i = 0; i < GROUP; i++)
        v[i] = exponential<T>(v[i] - top.value) * factor - (c + i == target ? scale : 0.0f);
    }
    __syncthreads(); // what is written now lies where the block has read before
    if (c < vocab)
      store(out + c, vocab - c, v);
  }
}

// scatter is the gradient of RMSNorm, as in rmsnorm.cu: row rows[i] of d and x
// belong to row i = blockIdx.x of dy.
template <typename T> DEVICE void scatter(T *d, int64_t ds, const T *x, int64_t xs, const T *dy, int64_t dys, const float *weight, const int32_t *rows, int64_t width, float eps) {
  const int64_t r = rows[blockIdx.x];
  d += r * ds;
  x += r * xs;
  dy += blockIdx.x * dys;
  float sums[2] = {0.0f, 0.0f}; // of x^2 and g x
  for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP) {
    float v[GROUP], w[GROUP], g[GROUP];
    load(x + c, width - c, v);
    load(dy + c, width - c, g);
    load(weight + c, width - c, w);
#pragma unroll
    for (int i = 0; i < GROUP; i++) {
      sums[0] += v[i] * v[i];
      sums[1] += g[i] * w[i] * v[i];
    }
  }
  block_sum(sums);
  const float inverse = 1.0f / sqrtf(sums[0] / (float)width + eps);
  const float mean = sums[1] / (float)width * inverse * inverse;
  for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP) {
    float v[GROUP], w[GROUP], g[GROUP];
    load(x + c, width - c, v);
    load(dy + c, width - c, g);
    load(weight + c, width - c, w);
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      v[i] = inverse * (g[i] * w[i] - v[i] * mean);
    store(d + c, width - c, v);
  }
}

#define LOSS(type)                                                                                                                                     \
  KERNEL loss_clear_##type(float *nll, float *hit, type *d, int64_t ds, const int32_t *targets, int64_t width) { clear(nll, hit, d, ds, targets, width); } \
  KERNEL loss_cross_entropy_##type(float *nll, float *hit, float *logits, int64_t stride, const int32_t *rows, const int32_t *targets, int64_t vocab,  \
                                   float scale, int32_t gradient) {                                                                                   \
    cross_entropy<type>(nll, hit, logits, stride, rows, targets, vocab, scale, gradient);                                                              \
  }                                                                                                                                                    \
  KERNEL loss_scatter_##type(type *d, int64_t ds, const type *x, int64_t xs, const type *dy, int64_t dys, const float *weight, const int32_t *rows,    \
                             int64_t width, float eps) {                                                                                               \
    scatter(d, ds, x, xs, dy, dys, weight, rows, width, eps);                                                                                          \
  }
LOSS(bf16)
LOSS(f32)

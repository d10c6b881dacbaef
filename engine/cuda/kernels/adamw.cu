// AdamW (Loshchilov & Hutter 2019, Alg. 2) on all tensors at once, exactly as
// package engine/optim does it: every product and sum rounded on its own.
//
// Tensors are cut into pieces of up to PIECE elements, one a block. The state of
// a piece lies together, so that any run of pieces can be moved as one: 8-bit
// codes of m and of v, each rounded up to 16 bytes, then a scale of m and one of
// v for every 256 elements; or m and v in float32.

#include "maps.cuh"

enum { PIECE = 4096, SCALED = 256, THREADS = 256, ZERO = 127 }; // ZERO is the code of 0 in dynamic_signed

struct piece {
  float *value, *grad;
  int64_t state; // where its state begins, in bytes
  int32_t n;     // elements
  int32_t eight; // the state is in 8 bits
};

enum { FINE, NOT_FINITE, OVERFLOW };

// verdict is what a step's gradients allow. A trouble stays.
struct verdict {
  double norm; // of all gradients, before clipping
  float clip;
  int32_t trouble;
  int32_t tensor; // the first, or the largest, in trouble
  int32_t step;
};

DEVICE double warp_sum(double x) {
#pragma unroll
  for (int lane = WARP / 2; lane > 0; lane /= 2)
    x += __shfl_xor_sync(0xFFFFFFFFu, x, lane);
  return x;
}

// adamw_norm sums the squares of each piece's gradients in float64, where they are exact.
KERNEL adamw_norm(double *sums, const piece *pieces) {
  __shared__ double parts[THREADS / WARP];
  const piece p = pieces[blockIdx.x];
  double sum = 0.0;
  for (int i = threadIdx.x * 4; i < p.n; i += THREADS * 4) {
    float g[4];
    if (i + 4 <= p.n) {
      const float4 four = *(const float4 *)(p.grad + i);
      g[0] = four.x, g[1] = four.y, g[2] = four.z, g[3] = four.w;
    } else
      for (int j = 0; j < 4; j++)
        g[j] = i + j < p.n ? p.grad[i + j] : 0.0f;
#pragma unroll
    for (int j = 0; j < 4; j++)
      sum += (double)g[j] * (double)g[j];
  }
  sum = warp_sum(sum);
  if (threadIdx.x % WARP == 0)
    parts[threadIdx.x / WARP] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < THREADS / WARP; i++)
      sum += parts[i];
    sums[blockIdx.x] = sum;
  }
}

// adamw_verdict adds the sums of the pieces of every tensor, pieces starts[i] to
// starts[i+1] of tensor i, and decides about the step. One block. totals (tensors)
// is scratch. A norm after clipping of more than limit would overflow the state.
KERNEL adamw_verdict(verdict *v, double *totals, const double *sums, const int32_t *starts, int64_t tensors, double max_norm, double limit, int32_t step) {
  if (v->trouble != FINE)
    return;
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  for (int64_t i = warp; i < tensors; i += blockDim.x / WARP) {
    double sum = 0.0;
    for (int32_t p = starts[i] + lane; p < starts[i + 1]; p += WARP)
      sum += sums[p];
    sum = warp_sum(sum);
    if (lane == 0)
      totals[i] = sum;
  }
  __syncthreads();
  if (warp > 0)
    return;
  double total = 0.0, most = 0.0;
  int64_t bad = tensors, worst = tensors;
  for (int64_t i = lane; i < tensors; i += WARP) {
    const double sum = totals[i];
    total += sum;
    if (!isfinite(sum))
      bad = min(bad, i);
    if (sum > most)
      most = sum, worst = i;
  }
  total = warp_sum(total);
#pragma unroll
  for (int other = WARP / 2; other > 0; other /= 2) {
    bad = min(bad, __shfl_xor_sync(0xFFFFFFFFu, bad, other));
    const double its = __shfl_xor_sync(0xFFFFFFFFu, most, other);
    const int64_t whose = __shfl_xor_sync(0xFFFFFFFFu, worst, other);
    if (its > most || (its == most && whose < worst))
      most = its, worst = whose;
  }
  if (lane != 0)
    return;
  v->step = step;
  if (bad < tensors) {
    v->norm = sqrt(totals[bad]);
    v->trouble = NOT_FINITE;
    v->tensor = (int32_t)bad;
    return;
  }
  const double norm = sqrt(total), clip = max_norm > 0.0 ? fmin(1.0, max_norm / (norm + 1e-6)) : 1.0;
  v->norm = norm;
  v->clip = (float)clip;
  if (norm * clip > limit) {
    v->trouble = OVERFLOW;
    v->tensor = (int32_t)worst;
  }
}

// factors are the constants of one step, rounded from float64 by the host.
struct factors {
  float beta1, rest1, beta2, rest2; // rest is 1-beta
  float rate, eps;                  // -lr*c/(1-beta1^t), eps*c; c = sqrt(1-beta2^t)
  float decay;                      // 1-lr*weight decay
  float clip;
};

DEVICE void moments(const factors &f, float g, float &m, float &v) {
  if (f.clip != 1.0f)
    g = __fmul_rn(g, f.clip);
  m = __fadd_rn(__fmul_rn(f.beta1, m), __fmul_rn(f.rest1, g));
  v = __fadd_rn(__fmul_rn(f.beta2, v), __fmul_rn(__fmul_rn(f.rest2, g), g));
}

DEVICE float updated(const factors &f, float value, float m, float v) {
  return __fadd_rn(value, __fmul_rn(f.rate, __fdiv_rn(m, __fadd_rn(__fsqrt_rn(v), f.eps))));
}

DEVICE float decayed(const factors &f, float value) { return f.decay == 1.0f ? value : __fmul_rn(value, f.decay); }

// nearest returns the code nearest to x: how many midpoints between neighbours lie below it.
DEVICE int nearest(const float *midpoints, float x) {
  int n = 0;
#pragma unroll
  for (int half = 128; half > 0; half /= 2)
    n += midpoints[n + half - 1] < x ? half : 0;
  return n;
}

// magnitude is the largest |x| of the warp's lanes.
DEVICE float magnitude(float x) { return __uint_as_float(__reduce_max_sync(0xFFFFFFFFu, __float_as_uint(x))); }

enum { LANE = SCALED / WARP }; // elements of a lane

// quantize writes the codes of a warp's 256 moments and returns their scale.
DEVICE float quantize(uint8_t *codes, const float (&x)[LANE], const float *midpoints, bool sign, int n) {
  float most = 0.0f;
#pragma unroll
  for (int i = 0; i < LANE; i++)
    most = fmaxf(most, fabsf(x[i]));
  most = magnitude(most);
  const float inverse = __fdiv_rn(1.0f, fmaxf(most, 1e-38f));
  uint8_t code[LANE];
#pragma unroll
  for (int i = 0; i < LANE; i++) {
    int c = nearest(midpoints, __fmul_rn(x[i], inverse));
    if (sign && c == ZERO && x[i] < 0.0f) // so that the sign survives
      c = ZERO - 1;
    code[i] = (uint8_t)c;
  }
  if (n == LANE) {
    const uint32_t lo = code[0] | code[1] << 8 | code[2] << 16 | (uint32_t)code[3] << 24;
    const uint32_t hi = code[4] | code[5] << 8 | code[6] << 16 | (uint32_t)code[7] << 24;
    *(uint2 *)codes = make_uint2(lo, hi);
  } else
    for (int i = 0; i < n; i++)
      codes[i] = code[i];
  return most;
}

struct maps {
  float value[2][256], midpoints[2][256]; // of m and of v
};

// step_eight does the 256 elements of a piece from `from` on, eight a lane.
DEVICE void step_eight(const piece &p, char *state, const maps &map, const factors &f, int from) {
  const int at = from + threadIdx.x % WARP * LANE, n = max(0, min(LANE, p.n - at)), codes = (p.n + 15) / 16 * 16;
  uint8_t *m_codes = (uint8_t *)state + at, *v_codes = m_codes + codes;
  float *m_scale = (float *)(state + 2 * codes) + from / SCALED, *v_scale = m_scale + (p.n + SCALED - 1) / SCALED;
  float value[LANE], grad[LANE], m[LANE], v[LANE];
  load(p.value + at, n, value);
  load(p.grad + at, n, grad);
  const float m_absmax = *m_scale, v_absmax = *v_scale;
#pragma unroll
  for (int i = 0; i < LANE; i++) {
    m[i] = v[i] = 0.0f;
    if (i < n) {
      m[i] = __fmul_rn(map.value[0][m_codes[i]], m_absmax);
      v[i] = __fmul_rn(map.value[1][v_codes[i]], v_absmax);
      moments(f, grad[i], m[i], v[i]);
      value[i] = decayed(f, updated(f, value[i], m[i], v[i]));
    }
    grad[i] = 0.0f;
  }
  store(p.value + at, n, value);
  store(p.grad + at, n, grad);
  const float m_most = quantize(m_codes, m, map.midpoints[0], true, n);
  const float v_most = quantize(v_codes, v, map.midpoints[1], false, n);
  if (threadIdx.x % WARP == 0)
    *m_scale = m_most, *v_scale = v_most;
}

// adamw_step updates every piece and sets its gradients to zero; only the latter
// after trouble. state is where the byte that pieces count as 0 would be.
KERNEL adamw_step(char *state, const piece *pieces, const verdict *decided, float beta1, float rest1, float beta2, float rest2, float rate, float eps, float decay) {
  __shared__ maps map;
  const piece p = pieces[blockIdx.x];
  const factors f = {beta1, rest1, beta2, rest2, rate, eps, decay, decided->clip};
  if (decided->trouble != FINE) {
    for (int i = threadIdx.x; i < p.n; i += THREADS)
      p.grad[i] = 0.0f;
    return;
  }
  state += p.state;
  if (p.eight) {
    const int i = threadIdx.x, next = min(i + 1, 255);
    map.value[0][i] = dynamic_signed[i];
    map.value[1][i] = dynamic_unsigned[i];
    map.midpoints[0][i] = i < 255 ? __fmul_rn(__fadd_rn(dynamic_signed[i], dynamic_signed[next]), 0.5f) : 2.0f;
    map.midpoints[1][i] = i < 255 ? __fmul_rn(__fadd_rn(dynamic_unsigned[i], dynamic_unsigned[next]), 0.5f) : 2.0f;
    __syncthreads();
    for (int from = threadIdx.x / WARP * SCALED; from < p.n; from += THREADS / WARP * SCALED)
      step_eight(p, state, map, f, from);
    return;
  }
  float *m = (float *)state, *v = m + p.n;
  for (int i = threadIdx.x; i < p.n; i += THREADS) {
    float m1 = m[i], v1 = v[i];
    moments(f, p.grad[i], m1, v1);
    m[i] = m1, v[i] = v1;
    p.value[i] = updated(f, decayed(f, p.value[i]), m1, v1);
    p.grad[i] = 0.0f;
  }
}

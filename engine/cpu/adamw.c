#ifndef VARIANT
#define SOURCE "adamw.c"
#include "variants.h"
#include "kernels.h"

ENTRY(adamw_eight_bit, LIST(int64_t n, float *value, const float *grad, moment m, moment v, adamw_factors f), LIST(n, value, grad, m, v, f))
#else
#include "row.h"

#ifndef ADAMW_BLOCK
#define ADAMW_BLOCK 256 // elements that share a scale
#define ADAMW_ZERO 127  // the code of 0 in the signed map
#endif

// decode writes the moments of n parameters from number `from` on.
INLINE void NAME(decode)(const moment *m, int64_t from, int64_t n, float *x) {
  const uint8_t *codes = m->codes + from;
  const float scale = m->absmax[from / ADAMW_BLOCK];
  for (int64_t i = 0; i < n; i++)
    x[i] = m->map[codes[i]] * scale;
}

// encode is decode's inverse, nf4.QuantizeDynamic; largest is max |x|.
INLINE void NAME(encode)(const moment *m, int64_t from, int64_t n, const float *x, float largest) {
  uint8_t *codes = m->codes + from;
  const float inverse = 1.0f / (largest > 1e-38f ? largest : 1e-38f);
  m->absmax[from / ADAMW_BLOCK] = largest;
  for (int64_t i = 0; i < n; i++) {
    const float scaled = x[i] * inverse;
    uint32_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    uint32_t code = m->lookup->first[bits >> 17];
    for (int z = 0; z < 2; z++) {
      const float below = m->lookup->bounds[code] - scaled;
      memcpy(&bits, &below, sizeof bits);
      code += bits >> 31;
    }
    codes[i] = (uint8_t)code;
  }
}

// larger is, lane by lane, the larger of a magnitude and that of x: among
// magnitudes the order of integers is that of floats.
INLINE VI NAME(larger)(VI magnitude, V x) {
  const VI bits = (VI)x & 0x7fffffff, more = bits > magnitude;
  return (bits & more) | (magnitude & ~more);
}

INLINE float NAME(largest)(VI magnitude) {
  float lanes[LANES], most = 0.0f;
  store(lanes, (V)magnitude);
  for (int i = 0; i < LANES; i++)
    most = lanes[i] > most ? lanes[i] : most;
  return most;
}

KERNEL void NAME(adamw_eight_bit)(int64_t n, float *value, const float *grad, moment m, moment v, adamw_factors f) {
  float ms[ADAMW_BLOCK], vs[ADAMW_BLOCK];
  memset(ms, 0, sizeof ms); // the last block may be shorter
  memset(vs, 0, sizeof vs);
  for (int64_t from = 0; from < n; from += ADAMW_BLOCK) {
    const int64_t size = n - from < ADAMW_BLOCK ? n - from : ADAMW_BLOCK;
    NAME(decode)(&m, from, size, ms);
    NAME(decode)(&v, from, size, vs);
    float *p = value + from;
    VI m_most = {0}, v_most = {0};
    ROW_EACH(size, i, part, left) {
      const V g = ROW_LOAD(grad + from + i, left) * splat(f.clip);
      V m1 = splat(f.beta1) * load(ms + i) + splat(f.rest1) * g;
      V v1 = splat(f.beta2) * load(vs + i) + splat(f.rest2) * g * g;
      const V update = splat(f.rate) * (m1 / (sqrt_v(v1) + splat(f.epsilon)));
      ROW_STORE(p + i, (ROW_LOAD(p + i, left) + update) * splat(f.decay), left);
      if (left < LANES) {
        m1 = (V)((VI)m1 & first_n(left));
        v1 = (V)((VI)v1 & first_n(left));
      }
      store(ms + i, m1);
      store(vs + i, v1);
      m_most = NAME(larger)(m_most, m1);
      v_most = NAME(larger)(v_most, v1);
    }
    NAME(encode)(&m, from, size, ms, NAME(largest)(m_most));
    NAME(encode)(&v, from, size, vs, NAME(largest)(v_most));
    // The sign of a negative moment survives; see package optim.
    for (int64_t i = 0; i < size; i++)
      m.codes[from + i] -= m.codes[from + i] == ADAMW_ZERO && ms[i] < 0.0f;
  }
}
#endif

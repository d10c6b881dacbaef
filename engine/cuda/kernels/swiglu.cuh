// SwiGLU (Shazeer 2020, eq. 6) of groups of eight, and its gradient.

#pragma once

#include "common.cuh"

// logistic is 1/(1+exp(-x)): as exact as float division in f32, and in bf16 with
// the hardware's approximations, which are 2^-21 off where bf16 rounds to 2^-9.
template <typename T> DEVICE float logistic(float x) {
  if (sizeof(T) == sizeof(f32))
    return 1.0f / (1.0f + expf(-x));
  float e, y; // denormal powers are zero, and 1 with 1 added
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(x * -1.44269504f));
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(1.0f + e));
  return y;
}

template <typename T> DEVICE float glu(float gate, float up) { return gate * logistic<T>(gate) * up; }

// glu_gradient turns g, u and d, the gradient of silu(g)*u, into the gradients of
// g and u: silu'(g) = s(g) + silu(g) (1 - s(g)), s the logistic function.
template <typename T> DEVICE void glu_gradient(float (&g)[GROUP], float (&u)[GROUP], const float (&d)[GROUP]) {
#pragma unroll
  for (int i = 0; i < GROUP; i++) {
    const float s = logistic<T>(g[i]), silu = g[i] * s;
    g[i] = d[i] * u[i] * (s + silu * (1.0f - s));
    u[i] = d[i] * silu;
  }
}

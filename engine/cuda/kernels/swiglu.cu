// SwiGLU and its gradient, element by element. A block takes a run of groups of
// one row.

#include "swiglu.cuh"

enum { UNROLL = 2 }; // groups that a thread reads before it computes

// column is that of a thread's k-th group.
DEVICE int64_t column(int k) { return (((int64_t)blockIdx.y * UNROLL + k) * blockDim.x + threadIdx.x) * GROUP; }

// y (T, width) = silu(gate) * up
template <typename T> DEVICE void forward(T *y, int64_t ys, const T *gate, int64_t gs, const T *up, int64_t us, int64_t width) {
  y += blockIdx.x * ys;
  gate += blockIdx.x * gs;
  up += blockIdx.x * us;
  float g[UNROLL][GROUP], u[UNROLL][GROUP];
#pragma unroll
  for (int k = 0; k < UNROLL; k++) {
    load(gate + column(k), width - column(k), g[k]);
    load(up + column(k), width - column(k), u[k]);
  }
#pragma unroll
  for (int k = 0; k < UNROLL; k++) {
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      g[k][i] = glu<T>(g[k][i], u[k][i]);
    store(y + column(k), width - column(k), g[k]);
  }
}

// dgate and dup (T, width) from dy, the gradient of y. They may lie where gate and
// up do.
template <typename T>
DEVICE void backward(T *dgate, int64_t dgs, T *dup, int64_t dus, const T *gate, int64_t gs, const T *up, int64_t us, const T *dy, int64_t dys, int64_t width) {
  dgate += blockIdx.x * dgs;
  dup += blockIdx.x * dus;
  gate += blockIdx.x * gs;
  up += blockIdx.x * us;
  dy += blockIdx.x * dys;
  float g[UNROLL][GROUP], u[UNROLL][GROUP], d[UNROLL][GROUP];
#pragma unroll
  for (int k = 0; k < UNROLL; k++) {
    load(gate + column(k), width - column(k), g[k]);
    load(up + column(k), width - column(k), u[k]);
    load(dy + column(k), width - column(k), d[k]);
  }
#pragma unroll
  for (int k = 0; k < UNROLL; k++) {
    glu_gradient<T>(g[k], u[k], d[k]);
    store(dgate + column(k), width - column(k), g[k]);
    store(dup + column(k), width - column(k), u[k]);
  }
}

#define SWIGLU(type)                                                                                                                                  \
  KERNEL swiglu_forward_##type(type *y, int64_t ys, const type *gate, int64_t gs, const type *up, int64_t us, int64_t width) {             \
    forward(y, ys, gate, gs, up, us, width);                                                                                               \
  }                                                                                                                                        \
  KERNEL swiglu_backward_##type(type *dgate, int64_t dgs, type *dup, int64_t dus, const type *gate, int64_t gs, const type *up, int64_t us, \
                                const type *dy, int64_t dys, int64_t width) {                                                              \
    backward(dgate, dgs, dup, dus, gate, gs, up, us, dy, dys, width);                                                                      \
  }
SWIGLU(bf16)
SWIGLU(f32)

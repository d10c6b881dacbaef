// SwiGLU over gate and up, which lie side by side. A block takes a run of groups
// of one row.

#include "swiglu.cuh"

enum { UNROLL = 2 }; // groups that a thread reads before it computes

DEVICE int64_t first_column() { return ((int64_t)blockIdx.y * blockDim.x * UNROLL + threadIdx.x) * GROUP; }

// y (T, width) = silu(gate) * up, of x (T, gate | up)
template <typename T> DEVICE void forward(T *y, int64_t ys, const T *x, int64_t xs, int64_t width) {
  y += blockIdx.x * ys;
  x += blockIdx.x * xs;
  const int64_t start = first_column();
  float g[UNROLL][GROUP], u[UNROLL][GROUP];
#pragma unroll
  for (int k = 0; k < UNROLL; k++) {
    const int64_t c = start + k * blockDim.x * GROUP;
    load(x + c, width - c, g[k]);
    load_up(x + width, c, width, u[k]);
  }
#pragma unroll
  for (int k = 0; k < UNROLL; k++) {
    const int64_t c = start + k * blockDim.x * GROUP;
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      g[k][i] = g[k][i] * logistic<T>(g[k][i]) * u[k][i];
    store(y + c, width - c, g[k]);
  }
}

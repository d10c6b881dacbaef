// What adapters add to the gradient of their input: dx += mask * (dlow A) / (1-p),
// for all adapters that read it at once; with SwiGLU's gradient behind it where
// nothing else wants that of its output.

#include "dropout.cuh"
#include "loadif.cuh"
#include "mma.cuh"
#include "swiglu.cuh"

enum {
  STEP = 16,                // depth of mma: ranks that go into it at a time
  WARPS = 8, COLUMNS = 32,  // warps of a block, and columns of each
  TILES = 8,                // tiles of 16 rows that a warp takes one after the other
};

// outputs says where a gradient goes: to dx itself, which is added to, or through
// SwiGLU to dgate and dup.
template <typename T> struct outputs {
  T *dx;
  int64_t dxs;
  T *dgate;
  int64_t dgs;
  T *dup;
  int64_t dus;
  const T *gate;
  int64_t gs;
  const T *up;
  int64_t us;
};

// tile is what a lane reads of 16 rows: a group of rows g and g+8 of the matrices,
// and four of each step's ranks of their dlow.
template <int S, bool GLU> struct tile {
  uint4 dx[2], gate[GLU ? 2 : 1], up[GLU ? 2 : 1];
  uint2 low[S > 0 ? S : 1][2];
  uint32_t bits[2];
};

template <int S, bool GLU>
DEVICE void fetch(tile<S, GLU> &f, const outputs<bf16> &o, const bf16 *dlow, int64_t ls, const uint8_t *mask, int64_t ms, int64_t t, int64_t c,
                  int q, int64_t width, int64_t low_width, int64_t end) {
#pragma unroll
  for (int h = 0; h < 2; h++, t += 8) {
    const bool in = t < end && c < width;
    f.dx[h] = load_if((const uint4 *)(o.dx + t * o.dxs + c), in);
    if (GLU) {
      f.gate[h] = load_if((const uint4 *)(o.gate + t * o.gs + c), in);
      f.up[h] = load_if((const uint4 *)(o.up + t * o.us + c), in);
    }
    f.bits[h] = mask ? load_if(mask + t * ms + c / GROUP, in) : 0xFFu;
#pragma unroll
    for (int s = 0; s < S; s++)
      f.low[s][h] = load_if((const uint2 *)(dlow + t * ls + s * STEP + 4 * q), t < end && s * STEP + 4 * q < low_width);
  }
}

// A warp computes 32 columns of up to TILES*16 rows. A lane's group of columns is
// in four tiles of eight columns, two in each: column 8q+2j+e is 2q+e of tile j;
// of a step's ranks 4q..4q+3 are its own. If S > 0 it is the number of steps, and
// A's part stays in registers; else it comes from the cache for every tile, and so
// does dlow. D tiles are on their way while one is computed.
template <int S, bool GLU, int D>
DEVICE void add(const outputs<bf16> &o, const bf16 *dlow, int64_t ls, const bf16 *a, int64_t as, const uint8_t *mask, int64_t ms, int64_t low_width,
                int64_t width, int64_t tokens, float keep) {
  const int warp = threadIdx.x / WARP, g = threadIdx.x % WARP / 4, q = threadIdx.x % 4;
  const int64_t c0 = ((int64_t)blockIdx.x * WARPS + warp) * COLUMNS, c = c0 + q * GROUP;
  if (c0 >= width)
    return;
  const int steps = S > 0 ? S : (int)((low_width + STEP - 1) / STEP);
  a += (c0 + g / 2 * 8 + g % 2) * as + 4 * q; // tile 0, step 0
  uint2 b[S > 0 ? S : 1][4];
#pragma unroll
  for (int s = 0; s < S; s++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      b[s][j] = *(const uint2 *)(a + 2 * j * as + s * STEP);

  const int64_t begin = (int64_t)blockIdx.y * TILES * 16 + g, end = min(tokens, begin - g + TILES * 16);
  tile<S, GLU> ring[D];
#pragma unroll
  for (int i = 0; i < D; i++)
    fetch(ring[i], o, dlow, ls, mask, ms, begin + 16 * i, c, q, width, low_width, end);
#pragma unroll 1
  for (int64_t t0 = begin; t0 - g < end; t0 += 16 * D)
#pragma unroll
    for (int i = 0; i < D; i++) {
      const int64_t t = t0 + 16 * i;
      const tile<S, GLU> now = ring[i];
      fetch(ring[i], o, dlow, ls, mask, ms, t + 16 * D, c, q, width, low_width, end);
      float sum[4][4] = {};
#pragma unroll
      for (int s = 0; s < steps; s++) {
        uint2 low[2];
#pragma unroll
        for (int h = 0; h < 2; h++)
          low[h] = S > 0 ? now.low[s][h]
                         : load_if((const uint2 *)(dlow + (t + 8 * h) * ls + s * STEP + 4 * q), t + 8 * h < end && s * STEP + 4 * q < low_width);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const uint2 part = S > 0 ? b[s][j] : *(const uint2 *)(a + 2 * j * as + s * STEP);
          mma(sum[j], {low[0].x, low[1].x, low[0].y, low[1].y}, {part.x, part.y});
        }
      }
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const int64_t at = t + 8 * h;
        if (at >= end || c >= width)
          continue;
        float d[GROUP];
        unpack(now.dx[h], d);
#pragma unroll
        for (int k = 0; k < GROUP; k++)
          if (now.bits[h] >> k & 1)
            d[k] += sum[k / 2][2 * h + k % 2] * keep;
        if (GLU) {
          float gate[GROUP], up[GROUP];
          unpack(now.gate[h], gate);
          unpack(now.up[h], up);
          glu_gradient<bf16>(gate, up, d);
          store(o.dgate + at * o.dgs + c, width - c, gate);
          store(o.dup + at * o.dus + c, width - c, up);
        } else {
          store(o.dx + at * o.dxs + c, width - c, d);
        }
      }
    }
}

// The same in f32: a thread a group.
template <bool GLU>
DEVICE void add(const outputs<f32> &o, const f32 *dlow, int64_t ls, const f32 *a, int64_t as, const uint8_t *mask, int64_t ms, int64_t low_width,
                int64_t width, float keep) {
  const int64_t t = blockIdx.y, c = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) * GROUP;
  if (c >= width)
    return;
  float d[GROUP], gate[GROUP], up[GROUP];
  load(o.dx + t * o.dxs + c, width - c, d);
  const uint32_t bits = mask ? mask[t * ms + c / GROUP] : 0xFFu;
#pragma unroll
  for (int i = 0; i < GROUP; i++) {
    float sum = 0.0f;
    for (int64_t r = 0; r < low_width; r++)
      sum += dlow[t * ls + r] * a[(c + i) * as + r];
    if (bits >> i & 1)
      d[i] += sum * keep;
  }
  if (!GLU)
    return store(o.dx + t * o.dxs + c, width - c, d);
  load(o.gate + t * o.gs + c, width - c, gate);
  load(o.up + t * o.us + c, width - c, up);
  glu_gradient<f32>(gate, up, d);
  store(o.dgate + t * o.dgs + c, width - c, gate);
  store(o.dup + t * o.dus + c, width - c, up);
}

// dx (T, width) += of dlow (T, low_width) and the packed columns of A, zero where
// padded; mask may be NULL, which keeps all. In bf16 low_width is a multiple of
// four and rows of dlow start on 8 bytes.
#define ADD(name, S, D)                                                                                                                   \
  KERNEL __launch_bounds__(WARPS *WARP, 2)                                                                                                \
      loradx_##name##_bf16(bf16 *dx, int64_t dxs, const bf16 *dlow, int64_t ls, const bf16 *a, int64_t as, const uint8_t *mask,           \
                           int64_t ms, int64_t low_width, int64_t width, int64_t tokens, float keep) {                                    \
    add<S, false, D>({dx, dxs}, dlow, ls, a, as, mask, ms, low_width, width, tokens, keep);                                               \
  }
ADD(add, 0, 1)
ADD(add1, 1, 2)
ADD(add2, 2, 2)
ADD(add3, 3, 2)

// dgate and dup (T, width) of dy, the gradient of SwiGLU's output without what the
// adapters add to it. They may lie where gate and up do.
#define GLU(name, S)                                                                                                                      \
  KERNEL __launch_bounds__(WARPS *WARP, 2) loradx_##name##_bf16(                                                                          \
      bf16 *dgate, int64_t dgs, bf16 *dup, int64_t dus, bf16 *dy, int64_t dys, const bf16 *gate, int64_t gs, const bf16 *up,              \
      int64_t us, const bf16 *dlow, int64_t ls, const bf16 *a, int64_t as, const uint8_t *mask, int64_t ms, int64_t low_width,            \
      int64_t width, int64_t tokens, float keep) {                                                                                        \
    add<S, true, 1>({dy, dys, dgate, dgs, dup, dus, gate, gs, up, us}, dlow, ls, a, as, mask, ms, low_width, width, tokens, keep);        \
  }
GLU(glu, 0)
GLU(glu1, 1)
GLU(glu2, 2)

KERNEL loradx_add_f32(f32 *dx, int64_t dxs, const f32 *dlow, int64_t ls, const f32 *a, int64_t as, const uint8_t *mask, int64_t ms,
                      int64_t low_width, int64_t width, int64_t tokens, float keep) {
  add<false>({dx, dxs}, dlow, ls, a, as, mask, ms, low_width, width, keep);
}
KERNEL loradx_glu_f32(f32 *dgate, int64_t dgs, f32 *dup, int64_t dus, f32 *dy, int64_t dys, const f32 *gate, int64_t gs, const f32 *up,
                      int64_t us, const f32 *dlow, int64_t ls, const f32 *a, int64_t as, const uint8_t *mask, int64_t ms, int64_t low_width,
                      int64_t width, int64_t tokens, float keep) {
  add<true>({dy, dys, dgate, dgs, dup, dus, gate, gs, up, us}, dlow, ls, a, as, mask, ms, low_width, width, keep);
}

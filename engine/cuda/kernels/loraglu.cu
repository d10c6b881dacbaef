// The middle of the MLP's backward pass in one pass over its memory: what down's
// adapter adds to the gradient of its input, the gradient of SwiGLU, and with the
// rows at hand the sums over tokens that would read them again,
//
//	dA of down = dlow^T dropout(y) / (1-p)     dB of gate, up = s dgate^T low, s dup^T low
//
// for y = silu(gate)*up, which is computed again here. Ranks are at most 16.

#include "dropout.cuh"
#include "loadif.cuh"
#include "mma.cuh"
#include "swiglu.cuh"

enum { RANKS = 16, STEP = 16, WARPS = 4, COLUMNS = 32 }; // a warp takes 32 columns of 16 tokens at a time

// ranks is low columns of one adapter: four of a row are a lane's.
struct ranks {
  const bf16 *p;
  int64_t stride, width; // that may be read
};

// turn turns an 8 by 8 matrix, of which a lane holds two elements of row lane/4,
// into its transpose.
DEVICE uint32_t turn(uint32_t pair) {
  uint32_t turned;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(turned) : "r"(pair));
  return turned;
}

// piece is what a lane reads of 16 tokens: a group of rows g and g+8 of each
// matrix, and ranks 4q..4q+3 of the same rows of each low.
struct piece {
  uint4 dy[2], gate[2], up[2];
  uint32_t bits[2];
  uint2 dlow[2], low_gate[2], low_up[2];
};

DEVICE uint2 fetch(const ranks &l, int64_t t, int q, bool in) { return load_if((const uint2 *)(l.p + t * l.stride + 4 * q), in && 4 * q < l.width); }

// accumulate adds l^T x to sums (16 ranks, 32 columns), l and x being of 16 tokens.
// Ranks 4(n/2)+n%2 and two more are rows n and n+8 of the tiles.
DEVICE void accumulate(float (&sum)[4][4], const uint2 (&l)[2], const words (&x)[2]) {
  const uint32_t a[4] = {turn(l[0].x), turn(l[0].y), turn(l[1].x), turn(l[1].y)};
#pragma unroll
  for (int j = 0; j < 4; j++)
    mma(sum[j], a, {turn(x[0].pair[j]), turn(x[1].pair[j])});
}

// write stores the sums of a lane's group of columns, for the ranks that exist.
DEVICE void write(float *to, const float (&sum)[4][4], int64_t rank, int64_t columns, int64_t c) {
  const int g = threadIdx.x % WARP / 4;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int r = 4 * (g / 2) + g % 2 + 2 * h;
    if (r >= rank || c >= columns)
      continue;
    float v[GROUP];
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      v[i] = sum[i / 2][2 * h + i % 2];
    store(to + r * columns + c, columns - c, v);
  }
}

// dgate and dup (T, width) of dy, the gradient of y without down's adapter, and
// partial (slices, total) of the sums over each slice of the tokens: those of gate,
// up (rank, width each) and down, for loragrad_sum. a is the packed columns of
// down's A. dgate and dup may lie where gate and up do. Width is a multiple of eight.
KERNEL __launch_bounds__(WARPS *WARP, 3)
    loraglu_backward_bf16(bf16 *dgate, int64_t dgs, bf16 *dup, int64_t dus, float *partial, const bf16 *gate, int64_t gs, const bf16 *up, int64_t us,
                          const bf16 *dy, int64_t dys, const bf16 *dlow, int64_t dls, const bf16 *low_gate, int64_t lgs, const bf16 *low_up,
                          int64_t lus, const bf16 *a, int64_t as, const uint8_t *mask, int64_t ms, int64_t rank_gate, int64_t rank_up,
                          int64_t rank_down, int64_t dlow_width, int64_t width, int64_t per_slice, int64_t tokens, float keep) {
  const int g = threadIdx.x % WARP / 4, q = threadIdx.x % 4;
  const int64_t c0 = ((int64_t)blockIdx.x * WARPS + threadIdx.x / WARP) * COLUMNS, c = c0 + q * GROUP;
  if (c0 >= width)
    return;
  const ranks of_down = {dlow, dls, dlow_width}, of_gate = {low_gate, lgs, rank_gate}, of_up = {low_up, lus, rank_up};
  uint2 b[4]; // as in loradx
#pragma unroll
  for (int j = 0; j < 4; j++)
    b[j] = *(const uint2 *)(a + (c0 + g / 2 * 8 + g % 2 + 2 * j) * as + 4 * q);

  const int64_t begin = blockIdx.y * per_slice + g, end = min(tokens, begin - g + per_slice);
  float sum_gate[4][4] = {}, sum_up[4][4] = {}, sum_down[4][4] = {};
  piece next;
  const auto ask = [&](int64_t t) {
#pragma unroll
    for (int h = 0; h < 2; h++, t += 8) {
      const bool row = t < end, in = row && c < width;
      next.dy[h] = load_if((const uint4 *)(dy + t * dys + c), in);
      next.gate[h] = load_if((const uint4 *)(gate + t * gs + c), in);
      next.up[h] = load_if((const uint4 *)(up + t * us + c), in);
      next.bits[h] = ms > 0 ? load_if(mask + t * ms + c / GROUP, in) : 0xFFu;
      next.dlow[h] = fetch(of_down, t, q, row);
      next.low_gate[h] = fetch(of_gate, t, q, row);
      next.low_up[h] = fetch(of_up, t, q, row);
    }
  };
  ask(begin);
#pragma unroll 1
  for (int64_t t0 = begin; t0 - g < end; t0 += STEP) {
    const piece now = next;
    ask(t0 + STEP);
    float added[4][4] = {};
#pragma unroll
    for (int j = 0; j < 4; j++)
      mma(added[j], {now.dlow[0].x, now.dlow[1].x, now.dlow[0].y, now.dlow[1].y}, {b[j].x, b[j].y});
    words dg[2], du[2], y[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float d[GROUP], gates[GROUP], ups[GROUP], product[GROUP];
      unpack(now.dy[h], d);
      unpack(now.gate[h], gates);
      unpack(now.up[h], ups);
#pragma unroll
      for (int i = 0; i < GROUP; i++) {
        if (now.bits[h] >> i & 1)
          d[i] += added[i / 2][2 * h + i % 2] * keep;
        product[i] = glu<bf16>(gates[i], ups[i]);
      }
      glu_gradient<bf16>(gates, ups, d);
      y[h].group = drop(pack(product), now.bits[h]);
      dg[h].group = pack(gates);
      du[h].group = pack(ups);
      const int64_t t = t0 + 8 * h;
      if (t < end && c < width) {
        store_words(dgate + t * dgs + c, dg[h].group);
        store_words(dup + t * dus + c, du[h].group);
      }
    }
    accumulate(sum_gate, now.low_gate, dg);
    accumulate(sum_up, now.low_up, du);
    accumulate(sum_down, now.dlow, y);
  }
  partial += blockIdx.y * (rank_gate + rank_up + rank_down) * width;
  write(partial, sum_gate, rank_gate, width, c);
  write(partial + rank_gate * width, sum_up, rank_up, width, c);
  write(partial + (rank_gate + rank_up) * width, sum_down, rank_down, width, c);
}

// Attention in bfloat16 for head sizes 64 and 128 on Hopper (sm_90a). The
// algorithm is attention_mma.cu's; the arrangement follows FlashAttention-3
// (Shah et al. 2024): one warpgroup copies tiles through rings in shared memory,
// two multiply, each with 64 rows of the block's 128, and one computes its
// softmax while the other keeps the matrix units busy.

#include "attention.cuh"

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

#include "wgmma.cuh"

enum {
  ROWS = 128, // of a tile
  SPAN = 64,  // queries at a time in backward_kv
  THREADS = 3 * WARPGROUP,
  // What one block has a multiprocessor's registers for: (24 + 2*240) * 128 of 65,536.
  COPY_REGISTERS = 24,
  MULTIPLY_REGISTERS = 240,
};

// work is a tile of one head.
struct work {
  tile t;
  uint32_t head;
};

// find_work returns the block's share. Blocks start in their order: a few heads at
// once, so that what they read again and again stays in the L2 cache, and of these
// the tiles with the most work first, as they are listed.
DEVICE work find_work(const tile *tiles, uint32_t count, uint32_t heads, uint32_t at_once) {
  const uint32_t first = blockIdx.x / (count * at_once) * at_once, rest = blockIdx.x % (count * at_once);
  const uint32_t here = min(at_once, heads - first);
  return {tiles[rest / here], first + rest % here};
}

// copy_rows starts copying COUNT rows of one head of size D into a tile, zeros
// from row end on; from points at the first row of the batch.
template <int D, int COUNT> DEVICE void copy_rows(uint32_t to, const bf16 *from, int64_t ld, int32_t first, int32_t end) {
  constexpr int GROUPS = D / GROUP, EACH = WARPGROUP / GROUPS; // rows that the warpgroup copies at once
  static_assert(EACH % 8 == 0, "a thread's swizzle must stay the same");
  const int row = threadIdx.x / GROUPS, g = threadIdx.x % GROUPS;
  const bf16 *source = from + (int64_t)(first + row) * ld + g * GROUP;
  to += g / 8 * COUNT * PANEL_ROW + row * PANEL_ROW + (g % 8 ^ row % 8) * 16;
  const int left = end - first - row;
#pragma unroll
  for (int i = 0; i < COUNT; i += EACH) {
    copy_async(to + i * PANEL_ROW, i < left ? source : from, i < left);
    source += EACH * ld;
  }
}

// put_rows stores the warpgroup's 64 rows from accumulator layout; the lane has
// rows first and first+8, scaled by f0 and f1.
template <int D> DEVICE void put_rows(bf16 *to, int64_t ld, const float (&acc)[D / 2], float f0, float f1, int32_t first, int32_t end) {
  const int channel = threadIdx.x % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int64_t token = first + half * 8;
    const float f = half ? f1 : f0;
    if (token < end)
#pragma unroll
      for (int n = 0; n < D / 8; n++)
        *(uint32_t *)(to + token * ld + n * 8 + channel) = narrow2(acc[n * 4 + half * 2] * f, acc[n * 4 + half * 2 + 1] * f);
  }
}

// softmax turns scores into e^(scale s - largest), in powers of two, brings sum
// up to date and returns by what to multiply what was summed before.
template <bool FIRST, int N> DEVICE void softmax(float (&s)[N], float (&largest)[2], float (&sum)[2], float (&shrink)[2], float unit) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float most = s[half * 2];
#pragma unroll
    for (int n = 0; n < N / 4; n++)
      most = fmaxf(most, fmaxf(s[n * 4 + half * 2], s[n * 4 + half * 2 + 1]));
    most = quad_max(most);
    if (!FIRST) {
      most = fmaxf(most, largest[half]);
      shrink[half] = exp2_fast((largest[half] - most) * unit);
    }
    largest[half] = most;
    const float shift = most * unit;
    float part = 0.0f;
#pragma unroll
    for (int n = 0; n < N / 4; n++)
#pragma unroll
      for (int i = half * 2; i < half * 2 + 2; i++) {
        s[n * 4 + i] = exp2_fast(fmaf(s[n * 4 + i], unit, -shift));
        part += s[n * 4 + i];
      }
    sum[half] = FIRST ? part : fmaf(sum[half], shrink[half], part);
  }
}

// hide sets what the lane holds of a tile of queries' weights to nothing where the
// key is behind the window: row r sees columns from r + behind on.
template <int N> DEVICE void hide(float (&s)[N], float nothing, int row, int behind) {
  const int lane = threadIdx.x % WARP;
#pragma unroll
  for (int n = 0; n < N; n++)
    if (n / 4 * 8 + lane % 4 * 2 + n % 2 < row + n / 2 % 2 * 8 + behind)
      s[n] = nothing;
}

// --- Forward -------------------------------------------------------------------

// forward: the block's 128 queries against tiles of keys from the diagonal back
// to the first one seen; every row has a key in the first of these tiles.
template <int D, bool WINDOWED>
DEVICE void forward(bf16 *o, int64_t ldo, float *lse, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const tile *tiles, int64_t count, int64_t at_once, int64_t heads, int64_t kv_heads, int64_t tokens, int64_t window, float scale) {
  extern __shared__ __align__(1024) uint8_t memory[];
  constexpr int TILE = ROWS * D * sizeof(bf16);
  const uint32_t queries = shared_address(memory), barriers = queries + (1 + 2 * STAGES) * TILE;
  const ring<TILE> keys = {queries + TILE, barriers + 8}, values = {keys.tiles + STAGES * TILE, keys.barriers + STAGES * 16};
  const auto [t, head] = find_work(tiles, count, heads, at_once);
  const int32_t low = first_seen<WINDOWED>(t, window);
  const uint32_t kv = head / (uint32_t)(heads / kv_heads);
  if (threadIdx.x == 0) {
    barrier_init(barriers, WARPGROUP);
    keys.init();
    values.init();
  }
  __syncthreads();
  q += head * D, o += head * D, k += kv * D, v += kv * D;

  if (threadIdx.x < WARPGROUP) {
    give_registers<COPY_REGISTERS>();
    copy_rows<D, ROWS>(queries, q, ldq, t.first, t.end);
    barrier_arrive_copied(barriers);
    place at_k, at_v;
    for (int32_t from = t.first; from > low - ROWS; from -= ROWS) {
      keys.await_empty(at_k);
      copy_rows<D, ROWS>(keys.tile_at(at_k), k, ldk, from, t.end);
      keys.publish(at_k);
      at_k.next();
      values.await_empty(at_v);
      copy_rows<D, ROWS>(values.tile_at(at_v), v, ldv, from, t.end);
      values.publish(at_v);
      at_v.next();
    }
    return;
  }
  take_registers<MULTIPLY_REGISTERS>();
  const int upper = threadIdx.x / WARPGROUP - 1; // which 64 of the 128 rows
  const int lane = threadIdx.x % WARP, row = threadIdx.x / WARP % 4 * 16 + lane / 4 + upper * 64;
  const uint64_t a = by_rows(queries + upper * 64 * PANEL_ROW);
  const float unit = scale * LOG2E;
  float s[ROWS / 2], out[D / 2], largest[2], sum[2], shrink[2];
  uint32_t weights[ROWS / 16][4];
#pragma unroll
  for (int i = 0; i < D / 2; i++)
    out[i] = 0.0f;
  place at_k, at_v;

  // turn and pass let one warpgroup start its products while the other computes.
  auto turn = [&]() { named_sync(1 + upper, 2 * WARPGROUP); };
  auto pass = [&]() { named_arrive(2 - upper, 2 * WARPGROUP); };
  if (upper == 1)
    pass();

  barrier_wait(barriers, 0);
  keys.await_full(at_k);
  turn();
  products_begin();
  rows_product<D, ROWS, ROWS>(s, a, by_rows(keys.tile_at(at_k)));
  products_commit();
  pass();
  products_wait<0>();
  settle(s);
  keys.release(at_k);
  at_k.next();
#pragma unroll
  for (int n = 0; n < ROWS / 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (n * 8 + lane % 4 * 2 + i % 2 > row + i / 2 * 8)
        s[n * 4 + i] = MINUS_INFINITY;
  if (WINDOWED && window < ROWS)
    hide(s, MINUS_INFINITY, row, 1 - (int)window);
  softmax<true>(s, largest, sum, shrink, unit);
  round_weights<ROWS>(weights, s);

  for (int32_t from = t.first - ROWS; from > low - ROWS; from -= ROWS) {
    keys.await_full(at_k);
    turn();
    products_begin();
    rows_product<D, ROWS, ROWS>(s, a, by_rows(keys.tile_at(at_k)));
    products_commit();
    values.await_full(at_v);
    products_begin();
    weights_product<ROWS>(out, weights, by_columns(values.tile_at(at_v), ROWS * PANEL_ROW));
    products_commit();
    pass();
    products_wait<1>();
    settle(s);
    keys.release(at_k);
    at_k.next();
    if (WINDOWED && from + window < t.first + ROWS)
      hide(s, MINUS_INFINITY, row, t.first - from + 1 - (int)window);
    softmax<false>(s, largest, sum, shrink, unit);
    products_wait<0>();
    settle(out);
    values.release(at_v);
    at_v.next();
#pragma unroll
    for (int n = 0; n < D / 2; n++)
      out[n] *= shrink[n / 2 % 2];
    round_weights<ROWS>(weights, s);
  }
  values.await_full(at_v);
  turn();
  products_begin();
  weights_product<ROWS>(out, weights, by_columns(values.tile_at(at_v), ROWS * PANEL_ROW));
  products_commit();
  pass();
  products_wait<0>();
  settle(out);
#pragma unroll
  for (int half = 0; half < 2; half++) {
    sum[half] = quad_sum(sum[half]);
    if (lane % 4 == 0 && t.first + row + half * 8 < t.end)
      lse[head * tokens + t.first + row + half * 8] = fmaf(largest[half], scale, logf(sum[half]));
  }
  put_rows<D>(o, ldo, out, 1.0f / sum[0], 1.0f / sum[1], t.first + row, t.end);
}

// --- Backward: queries -----------------------------------------------------------

// backward_q: the block's 128 queries against the same tiles of keys.
template <int D, bool WINDOWED>
DEVICE void backward_q(bf16 *dq, int64_t lddq, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const bf16 *d_o, int64_t lddo, const stats *rows, const tile *tiles, int64_t count, int64_t at_once, int64_t heads, int64_t kv_heads, int64_t tokens, int64_t window, float scale) {
  extern __shared__ __align__(1024) uint8_t memory[];
  constexpr int TILE = ROWS * D * sizeof(bf16);
  const uint32_t queries = shared_address(memory), douts = queries + TILE, barriers = queries + (2 + 2 * STAGES) * TILE;
  const ring<TILE> keys = {douts + TILE, barriers + 8}, values = {keys.tiles + STAGES * TILE, keys.barriers + STAGES * 16};
  const auto [t, head] = find_work(tiles, count, heads, at_once);
  const int32_t low = first_seen<WINDOWED>(t, window);
  const uint32_t kv = head / (uint32_t)(heads / kv_heads);
  if (threadIdx.x == 0) {
    barrier_init(barriers, WARPGROUP);
    keys.init();
    values.init();
  }
  __syncthreads();
  q += head * D, dq += head * D, d_o += head * D, k += kv * D, v += kv * D;

  if (threadIdx.x < WARPGROUP) {
    give_registers<COPY_REGISTERS>();
    copy_rows<D, ROWS>(queries, q, ldq, t.first, t.end);
    copy_rows<D, ROWS>(douts, d_o, lddo, t.first, t.end);
    barrier_arrive_copied(barriers);
    place at;
    for (int32_t from = t.first; from > low - ROWS; from -= ROWS) {
      keys.await_empty(at);
      copy_rows<D, ROWS>(keys.tile_at(at), k, ldk, from, t.end);
      keys.publish(at);
      values.await_empty(at);
      copy_rows<D, ROWS>(values.tile_at(at), v, ldv, from, t.end);
      values.publish(at);
      at.next();
    }
    return;
  }
  take_registers<MULTIPLY_REGISTERS>();
  const int upper = threadIdx.x / WARPGROUP - 1;
  const int lane = threadIdx.x % WARP, row = threadIdx.x / WARP % 4 * 16 + lane / 4 + upper * 64;
  const uint64_t a_q = by_rows(queries + upper * 64 * PANEL_ROW), a_do = by_rows(douts + upper * 64 * PANEL_ROW);
  const float unit = scale * LOG2E;
  stats st[2] = {};
#pragma unroll
  for (int half = 0; half < 2; half++)
    if (t.first + row + half * 8 < t.end)
      st[half] = rows[head * tokens + t.first + row + half * 8];
  float s[ROWS / 2], dp[ROWS / 2], out[D / 2];
  uint32_t weights[ROWS / 16][4];
#pragma unroll
  for (int i = 0; i < D / 2; i++)
    out[i] = 0.0f;
  place at;
  barrier_wait(barriers, 0);
  for (int32_t from = t.first; from > low - ROWS; from -= ROWS) {
    keys.await_full(at);
    products_begin();
    rows_product<D, ROWS, ROWS>(s, a_q, by_rows(keys.tile_at(at)));
    products_commit();
    values.await_full(at);
    products_begin();
    rows_product<D, ROWS, ROWS>(dp, a_do, by_rows(values.tile_at(at)));
    products_commit();
    products_wait<1>();
    settle(s);
#pragma unroll
    for (int n = 0; n < ROWS / 2; n++)
      s[n] = exp2_fast(fmaf(s[n], unit, -st[n / 2 % 2].lse));
    products_wait<0>();
    settle(dp);
    values.release(at);
#pragma unroll
    for (int n = 0; n < ROWS / 2; n++)
      s[n] *= dp[n] - st[n / 2 % 2].delta;
    if (from == t.first)
#pragma unroll
      for (int n = 0; n < ROWS / 2; n++)
        if (n / 4 * 8 + lane % 4 * 2 + n % 2 > row + n / 2 % 2 * 8)
          s[n] = 0.0f;
    if (WINDOWED && from + window < t.first + ROWS)
      hide(s, 0.0f, row, t.first - from + 1 - (int)window);
    round_weights<ROWS>(weights, s);
    products_begin();
    weights_product<ROWS>(out, weights, by_columns(keys.tile_at(at), ROWS * PANEL_ROW));
    products_commit();
    products_wait<0>();
    settle(out);
    keys.release(at);
    at.next();
  }
  put_rows<D>(dq, lddq, out, scale, scale, t.first + row, t.end);
}

// --- Backward: keys and values -----------------------------------------------------

// backward_kv: the block's 128 keys against spans of 64 queries from the
// diagonal to the last that sees one of them, for every head of the group in turn. Scores
// are transposed: keys are the rows. A query past the end has zeros in Q, dO
// and its stats, and so adds zero.
template <int D, bool WINDOWED>
DEVICE void backward_kv(bf16 *dk, int64_t lddk, bf16 *dv, int64_t lddv, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const bf16 *d_o, int64_t lddo, const stats *rows, const tile *tiles, int64_t count, int64_t at_once, int64_t heads, int64_t kv_heads, int64_t tokens, int64_t window, float scale) {
  extern __shared__ __align__(1024) uint8_t memory[];
  constexpr int TILE = ROWS * D * sizeof(bf16), SPAN_TILE = SPAN * D * sizeof(bf16);
  const uint32_t keys = shared_address(memory), values = keys + TILE, ring_q = values + TILE, ring_do = ring_q + STAGES * SPAN_TILE;
  const uint32_t barriers = ring_do + STAGES * SPAN_TILE;
  const ring<SPAN_TILE> queries = {ring_q, barriers + 8}, douts = {ring_do, queries.barriers + STAGES * 16};
  const auto [t, kv] = find_work(tiles, count, kv_heads, at_once);
  const uint32_t group = heads / kv_heads;
  const int32_t last = last_seeing<WINDOWED, ROWS>(t, window);
  if (threadIdx.x == 0) {
    barrier_init(barriers, WARPGROUP);
    queries.init();
    douts.init();
  }
  __syncthreads();
  k += kv * D, dk += kv * D, v += kv * D, dv += kv * D;

  if (threadIdx.x < WARPGROUP) {
    give_registers<COPY_REGISTERS>();
    copy_rows<D, ROWS>(keys, k, ldk, t.first, t.end);
    copy_rows<D, ROWS>(values, v, ldv, t.first, t.end);
    barrier_arrive_copied(barriers);
    place at;
    for (uint32_t head = kv * group; head < (kv + 1) * group; head++)
      for (int32_t from = t.first; from < last; from += SPAN) {
        queries.await_empty(at);
        copy_rows<D, SPAN>(queries.tile_at(at), q + head * D, ldq, from, t.end);
        queries.publish(at);
        douts.await_empty(at);
        copy_rows<D, SPAN>(douts.tile_at(at), d_o + head * D, lddo, from, t.end);
        douts.publish(at);
        at.next();
      }
    return;
  }
  take_registers<MULTIPLY_REGISTERS>();
  const int upper = threadIdx.x / WARPGROUP - 1; // which 64 of the 128 rows
  const int lane = threadIdx.x % WARP, row = threadIdx.x / WARP % 4 * 16 + lane / 4 + upper * 64;
  const uint64_t a_k = by_rows(keys + upper * 64 * PANEL_ROW), a_v = by_rows(values + upper * 64 * PANEL_ROW);
  const float unit = scale * LOG2E;
  float s[SPAN / 2], dp[SPAN / 2], out_k[D / 2], out_v[D / 2];
  uint32_t weights[SPAN / 16][4];
#pragma unroll
  for (int i = 0; i < D / 2; i++)
    out_k[i] = out_v[i] = 0.0f;
  place at;
  barrier_wait(barriers, 0);
  fence_copies();
  for (uint32_t head = 0; head < group; head++)
    for (int32_t from = t.first; from < last; from += SPAN) {
      queries.await_full(at);
      products_begin();
      rows_product<D, ROWS, SPAN>(s, a_k, by_rows(queries.tile_at(at)));
      products_commit();
      douts.await_full(at);
      products_begin();
      rows_product<D, ROWS, SPAN>(dp, a_v, by_rows(douts.tile_at(at)));
      products_commit();
      // Of the lane's columns, n/2*8 + 2(lane%4) + n%2.
      const stats *st = rows + (kv * group + head) * tokens + from + lane % 4 * 2;
      const int left = t.end - from - lane % 4 * 2;
      float lse[SPAN / 4];
#pragma unroll
      for (int n = 0; n < SPAN / 4; n++)
        lse[n] = n / 2 * 8 + n % 2 < left ? st[n / 2 * 8 + n % 2].lse : 0.0f;
      products_wait<1>();
      settle(s);
#pragma unroll
      for (int n = 0; n < SPAN / 2; n++)
        s[n] = exp2_fast(fmaf(s[n], unit, -lse[n / 4 * 2 + n % 2]));
      if (from < t.first + ROWS)
#pragma unroll
        for (int n = 0; n < SPAN / 2; n++)
          if (from + n / 4 * 8 + lane % 4 * 2 + n % 2 < t.first + row + n / 2 % 2 * 8)
            s[n] = 0.0f;
      if (WINDOWED && from + SPAN > t.first + window)
#pragma unroll
        for (int n = 0; n < SPAN / 2; n++)
          if (from + n / 4 * 8 + lane % 4 * 2 + n % 2 >= t.first + row + n / 2 % 2 * 8 + window)
            s[n] = 0.0f;
      round_weights<SPAN>(weights, s);
      products_wait<0>();
      settle(dp);
      products_begin();
      weights_product<SPAN>(out_v, weights, by_columns(douts.tile_at(at), SPAN * PANEL_ROW));
      products_commit();
#pragma unroll
      for (int n = 0; n < SPAN / 4; n++) {
        const float delta = n / 2 * 8 + n % 2 < left ? st[n / 2 * 8 + n % 2].delta : 0.0f;
#pragma unroll
        for (int i = n / 2 * 4 + n % 2; i < n / 2 * 4 + 4; i += 2)
          dp[i] = s[i] * (dp[i] - delta);
      }
      uint32_t ds[SPAN / 16][4];
      round_weights<SPAN>(ds, dp);
      products_begin();
      weights_product<SPAN>(out_k, ds, by_columns(queries.tile_at(at), SPAN * PANEL_ROW));
      products_commit();
      products_wait<0>();
      settle(out_v);
      settle(out_k);
      queries.release(at);
      douts.release(at);
      at.next();
    }
  put_rows<D>(dk, lddk, out_k, scale, scale, t.first + row, t.end);
  put_rows<D>(dv, lddv, out_v, 1.0f, 1.0f, t.first + row, t.end);
}

#define INSTANCES(D, WINDOWED, NAME) \
  KERNEL __launch_bounds__(THREADS, 1) attention_wgmma_forward_##NAME##_bf16(bf16 *o, int64_t ldo, float *lse, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const tile *tiles, int64_t count, int64_t at_once, int64_t heads, int64_t kv_heads, int64_t, int64_t tokens, int64_t window, float scale) { \
    forward<D, WINDOWED>(o, ldo, lse, q, ldq, k, ldk, v, ldv, tiles, count, at_once, heads, kv_heads, tokens, window, scale); \
  } \
  KERNEL __launch_bounds__(THREADS, 1) attention_wgmma_backward_q_##NAME##_bf16(bf16 *dq, int64_t lddq, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const bf16 *d_o, int64_t lddo, const stats *rows, const tile *tiles, int64_t count, int64_t at_once, int64_t heads, int64_t kv_heads, int64_t, int64_t tokens, int64_t window, float scale) { \
    backward_q<D, WINDOWED>(dq, lddq, q, ldq, k, ldk, v, ldv, d_o, lddo, rows, tiles, count, at_once, heads, kv_heads, tokens, window, scale); \
  } \
  KERNEL __launch_bounds__(THREADS, 1) attention_wgmma_backward_kv_##NAME##_bf16(bf16 *dk, int64_t lddk, bf16 *dv, int64_t lddv, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const bf16 *d_o, int64_t lddo, const stats *rows, const tile *tiles, int64_t count, int64_t at_once, int64_t heads, int64_t kv_heads, int64_t, int64_t tokens, int64_t window, float scale) { \
    backward_kv<D, WINDOWED>(dk, lddk, dv, lddv, q, ldq, k, ldk, v, ldv, d_o, lddo, rows, tiles, count, at_once, heads, kv_heads, tokens, window, scale); \
  }

INSTANCES(64, false, 64)
INSTANCES(64, true, 64_window)
INSTANCES(128, false, 128)
INSTANCES(128, true, 128_window)

#endif

// Rows of the embedding table, by token. One block a token.

#include "common.cuh"

// x (T, width) = table (vocab, width)[ids (T)]. The table has no padding, so that
// its rows start at groups only if width is a multiple of eight.
template <typename T, typename Table> DEVICE void embed(T *x, int64_t xs, const Table *table, const int32_t *ids, int64_t width) {
  T *to = x + blockIdx.x * xs;
  const Table *from = table + ids[blockIdx.x] * width;
  if (width % GROUP) {
    for (int64_t c = threadIdx.x; c < width; c += blockDim.x)
      put(to + c, widen(from[c]));
    return;
  }
  for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP) {
    float v[GROUP];
    load(from + c, v);
    store(to + c, v);
  }
}

#define EMBED(table_type, type)                                                                                               \
  KERNEL embed_##table_type##_##type(type *x, int64_t xs, const table_type *table, const int32_t *ids, int64_t width) { \
    embed(x, xs, table, ids, width);                                                                                    \
  }
EMBED(bf16, bf16)
EMBED(f32, bf16)
EMBED(bf16, f32)
EMBED(f32, f32)

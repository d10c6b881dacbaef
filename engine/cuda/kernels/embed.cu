// Rows of the embedding table, by token. One block a token.

#include "common.cuh"

// x (T, width) = table (vocab, width)[ids (T)]
template <typename T, typename Table> DEVICE void embed(T *x, int64_t xs, const Table *table, int64_t ts, const int32_t *ids, int64_t width) {
  x += blockIdx.x * xs;
  table += ids[blockIdx.x] * ts;
  for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP) {
    float v[GROUP];
    load(table + c, width - c, v);
    store(x + c, width - c, v);
  }
}

#define EMBED(table_type, type)                                                                                               \
  KERNEL embed_##table_type##_##type(type *x, int64_t xs, const table_type *table, int64_t ts, const int32_t *ids, int64_t width) { \
    embed(x, xs, table, ts, ids, width);                                                                                    \
  }
EMBED(bf16, bf16)
EMBED(f32, bf16)
EMBED(bf16, f32)
EMBED(f32, f32)

// The most likely token of each row of logits; the lowest wins a tie.

#include "best.cuh"

// token (rows) = the first of the largest of logits (rows, vocab), NaN aside; 0 if
// there is nothing else. One block a row.
KERNEL greedy_argmax(int32_t *token, const float *logits, int64_t stride, int64_t vocab) {
  const float *row = logits + blockIdx.x * stride;
  best top = none();
  for (int64_t c = threadIdx.x * GROUP; c < vocab; c += blockDim.x * GROUP) {
    float v[GROUP];
    load(row + c, vocab - c, v);
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      if (c + i < vocab)
        better(top, {v[i], (uint32_t)(c + i)});
  }
  top = block_best(top);
  if (threadIdx.x == 0)
    token[blockIdx.x] = top.index == NOWHERE ? 0 : (int32_t)top.index;
}

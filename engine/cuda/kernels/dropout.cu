// The dropout mask of one input of a layer by itself, for a backward pass that no
// forward pass of the same layer came right before. A thread makes four bytes.

#include "dropout.cuh"

// mask (T, ceil(width/8)), rows ms bytes apart, ms a multiple of four
KERNEL dropout_mask(uint8_t *mask, int64_t ms, const int32_t *positions, const int32_t *owner, const uint64_t *keys, int64_t width, uint32_t key_low,
                    uint32_t key_high, uint32_t threshold) {
  const dropout d = {positions, owner, keys, {key_low, key_high}, threshold};
  const int64_t c = ((int64_t)blockIdx.y * blockDim.x + threadIdx.x) * 4 * GROUP;
  if (c >= width)
    return;
  const mask_row r = row_of(d, blockIdx.x);
  uint32_t bits = 0;
#pragma unroll
  for (int i = 0; i < 4; i++)
    bits |= kept(d, r, c + i * GROUP) << (8 * i);
  *(uint32_t *)(mask + blockIdx.x * ms + c / GROUP) = bits;
}

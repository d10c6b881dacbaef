// Dropout masks: a byte for every group of eight columns, bit i for column i of
// the group, 1 where the element is kept. The mask of an input (T, K) is a matrix
// of bytes (T, ceil(K/8)).

#pragma once

#include "common.cuh"

// dropout is what the masks of one input of a layer follow from (engine.Dropout).
struct dropout {
  const int32_t *positions; // (T)
  const int32_t *owner;     // (T) document of each token
  const uint64_t *keys;     // (documents)
  uint2 key;
  uint32_t threshold; // of the words that keep; 0 keeps everything
};

// mask_row is the part of the counter that one token's masks share.
struct mask_row {
  uint32_t position, low, high;
};

DEVICE mask_row row_of(const dropout &d, int64_t t) {
  const uint64_t key = d.keys[d.owner[t]];
  return {(uint32_t)d.positions[t], (uint32_t)key, (uint32_t)(key >> 32)};
}

DEVICE uint32_t at_least(uint4 words, uint32_t threshold) {
  return (words.x >= threshold) | (words.y >= threshold) << 1 | (words.z >= threshold) << 2 | (words.w >= threshold) << 3;
}

// kept returns the bits of columns c..c+8 of a row, c a multiple of eight.
DEVICE uint32_t kept(const dropout &d, const mask_row &r, int64_t c) {
  const uint32_t i = (uint32_t)(c / 4);
  return at_least(philox(make_uint4(i, r.position, r.low, r.high), d.key), d.threshold) |
         at_least(philox(make_uint4(i + 1, r.position, r.low, r.high), d.key), d.threshold) << 4;
}

// halves turns the signs of the two lower bytes of x into a mask of two halves.
DEVICE uint32_t halves(uint32_t x) {
  uint32_t mask;
  asm("prmt.b32 %0, %1, 0, 0x9988;" : "=r"(mask) : "r"(x));
  return mask;
}

// drop zeroes the elements of a group whose bits are 0; a dropped NaN is zero too.
DEVICE uint4 drop(uint4 x, uint32_t bits) {
  const uint32_t spread = bits | bits << 7; // bit 2i at 2i, bit 2i+1 at 2i+8
  x.x &= halves(spread << 7);
  x.y &= halves(spread << 5);
  x.z &= halves(spread << 3);
  x.w &= halves(spread << 1);
  return x;
}

// first_bits are those of the first n elements of a group.
DEVICE uint32_t first_bits(int64_t n) { return n >= GROUP ? 0xFFu : n > 0 ? (1u << n) - 1 : 0; }

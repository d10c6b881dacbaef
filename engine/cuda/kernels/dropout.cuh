// Dropout masks: a byte for every group of eight columns, bit i for column i of
// the group, 1 where the element is kept. The mask of an input (T, K) is a matrix
// of bytes (T, ceil(K/8)).

#pragma once

#include "common.cuh"

// The multiplications of a round of Philox, and the key of the next round.
DEVICE uint64_t philox_a(uint32_t x) { return (uint64_t)0xD2511F53u * x; }
DEVICE uint64_t philox_b(uint32_t z) { return (uint64_t)0xCD9E8D57u * z; }
DEVICE uint2 next_key(uint2 key) { return make_uint2(key.x + 0x9E3779B9u, key.y + 0xBB67AE85u); }

// philox is the given number of rounds of Philox4x32 (Salmon et al. 2011);
// engine.Philox4x32 has ten.
template <int ROUNDS> DEVICE uint4 philox(uint4 counter, uint2 key) {
#pragma unroll
  for (int round = 0; round < ROUNDS; round++) {
    const uint64_t a = philox_a(counter.x), b = philox_b(counter.z);
    counter = make_uint4((uint32_t)(b >> 32) ^ counter.y ^ key.x, (uint32_t)b, (uint32_t)(a >> 32) ^ counter.w ^ key.y, (uint32_t)a);
    key = next_key(key);
  }
  return counter;
}

// dropout is what the masks of one input of a layer follow from (engine.Dropout).
struct dropout {
  const int32_t *positions; // (T)
  const int32_t *owner;     // (T) document of each token
  const uint64_t *keys;     // (documents)
  uint2 key;
  uint32_t threshold; // of the words that keep; 0 keeps everything
};

// mask_row is what the masks of one token share: the first two rounds of Philox, as
// far as they do not depend on the column.
struct mask_row {
  uint32_t z1, x2, z2, w2; // what goes into z and x by exclusive or; w
};

DEVICE mask_row row_of(const dropout &d, int64_t t) {
  const uint64_t key = d.keys[d.owner[t]];
  const uint2 second = next_key(d.key);
  const uint64_t b = philox_b((uint32_t)key);
  const uint64_t a = philox_a((uint32_t)(b >> 32) ^ (uint32_t)d.positions[t] ^ d.key.x);
  return {(uint32_t)(key >> 32) ^ d.key.y, (uint32_t)b ^ second.x, (uint32_t)(a >> 32) ^ second.y, (uint32_t)a};
}

// words_of returns the words of columns 4i..4i+3 of a row.
DEVICE uint4 words_of(const dropout &d, const mask_row &r, uint32_t i) {
  const uint64_t a = philox_a(i), b = philox_b((uint32_t)(a >> 32) ^ r.z1);
  return philox<8>(make_uint4((uint32_t)(b >> 32) ^ r.x2, (uint32_t)b, (uint32_t)a ^ r.z2, r.w2), next_key(next_key(d.key)));
}

DEVICE uint32_t at_least(uint4 words, uint32_t threshold) {
  return (words.x >= threshold) | (words.y >= threshold) << 1 | (words.z >= threshold) << 2 | (words.w >= threshold) << 3;
}

// kept returns the bits of columns c..c+8 of a row, c a multiple of eight.
DEVICE uint32_t kept(const dropout &d, const mask_row &r, int64_t c) {
  const uint32_t i = (uint32_t)(c / 4);
  return at_least(words_of(d, r, i), d.threshold) | at_least(words_of(d, r, i + 1), d.threshold) << 4;
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

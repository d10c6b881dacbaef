// Products of tiles on the tensor cores: bf16 times bf16, added up in float.

#pragma once

#include "common.cuh"

// mma adds A (16, 16) B (16, 8) to D (16, 8). With g = lane/4 and q = lane%4 a
// lane holds
//
//	a[0], a[1]  rows g, g+8, columns 2q, 2q+1        b[0]  rows 2q, 2q+1 of column g
//	a[2], a[3]  rows g, g+8, columns 2q+8, 2q+9      b[1]  rows 2q+8, 2q+9 of column g
//	d[0], d[1]  row g, columns 2q, 2q+1              d[2], d[3]  row g+8
//
// The order of the sixteen along the depth is free as long as A and B agree, and
// so is that of rows and columns: callers choose the one in which a lane's
// elements lie together in memory.
DEVICE void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// low_halves and high_halves are {a's half, b's half}: from two rows of a matrix,
// two rows of one column.
DEVICE uint32_t low_halves(uint32_t a, uint32_t b) { return __byte_perm(a, b, 0x5410); }
DEVICE uint32_t high_halves(uint32_t a, uint32_t b) { return __byte_perm(a, b, 0x7632); }

// words are a group of bf16 as the four pairs that mma reads.
union words {
  uint4 group;
  uint32_t pair[4];
};

// Loads that depend on a condition, for kernels that keep several on their way.

#pragma once

#include "common.cuh"

// load_if reads where `in` holds, and is zero elsewhere, without a branch: a branch
// for each of several loads would wait for one before it starts the next. The
// compiler keeps these loads where they stand.
DEVICE uint4 load_if(const uint4 *p, bool in) { // for what is read once
  uint4 v = make_uint4(0, 0, 0, 0);
  asm volatile("{.reg .pred q; setp.ne.s32 q, %5, 0; @q ld.global.cs.v4.b32 {%0, %1, %2, %3}, [%4];}"
               : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
               : "l"(__cvta_generic_to_global(p)), "r"((int)in));
  return v;
}
DEVICE uint2 load_if(const uint2 *p, bool in) {
  uint2 v = make_uint2(0, 0);
  asm volatile("{.reg .pred q; setp.ne.s32 q, %3, 0; @q ld.global.v2.b32 {%0, %1}, [%2];}"
               : "+r"(v.x), "+r"(v.y)
               : "l"(__cvta_generic_to_global(p)), "r"((int)in));
  return v;
}
DEVICE uint32_t load_if(const uint32_t *p, bool in) {
  uint32_t v = 0;
  asm volatile("{.reg .pred q; setp.ne.s32 q, %2, 0; @q ld.global.b32 %0, [%1];}" : "+r"(v) : "l"(__cvta_generic_to_global(p)), "r"((int)in));
  return v;
}
DEVICE uint32_t load_if(const uint8_t *p, bool in) {
  uint32_t v = 0;
  asm volatile("{.reg .pred q; setp.ne.s32 q, %2, 0; @q ld.global.u8 %0, [%1];}" : "+r"(v) : "l"(__cvta_generic_to_global(p)), "r"((int)in));
  return v;
}

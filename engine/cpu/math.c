// The functions of the kernels by themselves, for their tests, and what the
// machine and the compiler are.

#ifndef VARIANT
#define SOURCE "math.c"
#include "variants.h"

ENTRY(math_exp, LIST(const float *x, float *y, int64_t n), LIST(x, y, n))

float math_log(float x) { return log_1(x); }

int variant_supported(int variant) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  switch (variant) {
  case VARIANT_AVX512:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  case VARIANT_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  }
#endif
  return variant == VARIANT_BASELINE;
}

#if defined(__clang__)
const char *compiler_version(void) { return "clang " __clang_version__; }
#else
const char *compiler_version(void) { return "gcc " __VERSION__; }
#endif
#else
#include "log.h"
#include "row.h"

KERNEL void NAME(math_exp)(const float *x, float *y, int64_t count) {
  ROW_EACH(count, i, part, n) { ROW_STORE(y + i, exp_v(ROW_LOAD(x + i, n)), n); }
}
#endif

// Compiles the body of one operation once for each instruction set.
//
// An operation's file defines SOURCE as its own name and includes this header
// outside of any VARIANT; the header then includes the file once for each
// variant, with VARIANT defined, and the file's body is compiled for it. Every
// variant computes the same bits: see vec.h.

#ifndef SOURCE
#error "define SOURCE before including variants.h"
#endif

#define VARIANT_BASELINE 0
#define VARIANT_AVX2 1
#define VARIANT_AVX512 2

#define VARIANT VARIANT_BASELINE
#define NAME(x) x##_baseline
#define TARGET
#include SOURCE
#undef VARIANT
#undef NAME
#undef TARGET
#undef VEC_DONE

#if defined(__x86_64__)
#define VARIANT VARIANT_AVX2
#define NAME(x) x##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#include SOURCE
#undef VARIANT
#undef NAME
#undef TARGET
#undef VEC_DONE

#define VARIANT VARIANT_AVX512
#define NAME(x) x##_avx512
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")))
#include SOURCE
#undef VARIANT
#undef NAME
#undef TARGET
#undef VEC_DONE
#endif

// Lists in arguments of ENTRY.
#define LIST(...) __VA_ARGS__

// ENTRY defines the function that Go calls: it runs the variant asked for.
#if defined(__x86_64__)
#define ENTRY(name, params, args)                                              \
  void name(int variant, params) {                                             \
    switch (variant) {                                                         \
    case VARIANT_AVX512:                                                       \
      name##_avx512(args);                                                     \
      break;                                                                   \
    case VARIANT_AVX2:                                                         \
      name##_avx2(args);                                                       \
      break;                                                                   \
    default:                                                                   \
      name##_baseline(args);                                                   \
    }                                                                          \
  }
#else
#define ENTRY(name, params, args)                                              \
  void name(int variant, params) {                                             \
    (void)variant;                                                             \
    name##_baseline(args);                                                     \
  }
#endif

// STEP begins the run of a kind of step; see steps.h.
#define STEP(name)                                                                                                                                        \
  static void name(int variant, const void *job, const float *packed __attribute__((unused)), int64_t t0, int64_t t1, int64_t j0 __attribute__((unused)), \
                   int64_t j1 __attribute__((unused)), float *scratch __attribute__((unused)))

#define _DEFAULT_SOURCE // for madvise

#include "memory.h"

#include <stdint.h>
#include <sys/mman.h>

void advise_large(void *p, size_t bytes) {
#ifdef MADV_HUGEPAGE
  const uintptr_t page = 4096, from = ((uintptr_t)p + page - 1) & ~(page - 1), to = ((uintptr_t)p + bytes) & ~(page - 1);
  if (from < to)
    madvise((void *)from, to - from, MADV_HUGEPAGE); // if refused, pages stay small
#else
  (void)p;
  (void)bytes;
#endif
}

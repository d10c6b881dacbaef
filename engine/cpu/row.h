// Loops over the elements of one row, for the bodies of operations. Include it
// inside a VARIANT.

#include "kernels.h"
#include "vec.h"

#ifndef ROW_H
#define ROW_H
// ROW_EACH runs its block for every vector of a row: i is the index of its
// first element, n how many elements are left from there, and part which
// partial sum the vector belongs to.
#define ROW_EACH(cols, i, part, n) \
  for (int64_t i = 0, part = 0, n = (cols); n > 0; i += LANES, n -= LANES, part = (part + 1) % PARTS)
#define ROW_LOAD(p, n) ((n) >= LANES ? load(p) : load_n(p, n))
#define ROW_STORE(p, v, n)  \
  do {                      \
    if ((n) >= LANES)       \
      store(p, v);          \
    else                    \
      store_n(p, v, n);     \
  } while (0)
#define ROW_ZERO(acc)                \
  for (int z = 0; z < PARTS; z++)    \
  (acc)[z] = splat(0.0f)
#endif

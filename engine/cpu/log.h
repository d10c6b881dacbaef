// The natural logarithm of one float, without the C library: its bits must not
// depend on which library that is.

#ifndef LOG_H
#define LOG_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// log_1 is correctly rounded but for one argument in some millions: it computes
// in double and rounds once. x = m 2^e with m in [1/sqrt 2, sqrt 2), and
// log m = 2 atanh(s), s = (m-1)/(m+1), whose series has |s| < 0.172.
static inline float log_1(float x) {
  if (!(x > 0.0f))
    return x == 0.0f ? -INFINITY : NAN;
  if (x == INFINITY)
    return x;
  double d = x; // exact, and never denormal
  uint64_t bits;
  memcpy(&bits, &d, sizeof bits);
  int64_t e = (int64_t)(bits >> 52) - 1023;
  bits = (bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000;
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e++;
  }
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 0.0;
  for (int k = 21; k >= 1; k -= 2)
    p = p * z + 1.0 / (double)k;
  return (float)(2.0 * s * p + (double)e * 0.69314718055994530942);
}

#endif

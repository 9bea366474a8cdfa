// Exponentials and logarithms.
//
// e^x of a vector, for x <= 0 as softmax needs it: x may be -infinity (exactly 0), and NaN stays NaN.
//
// x = k ln 2 + r with |r| <= ln 2 / 2; e^r by a polynomial; 2^k by writing k into the exponent. Relative error below 2 units
// in the last place. What would be less than the least normal number is 0.
#pragma once
#include "simd.h"

namespace dm {
namespace DM_TIER {

template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  static constexpr float least = -87.0f, log2e = 1.44269504f, ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it leaves the integer in the low bits
  static constexpr int mantissa = 23;
  // e^r = 1 + r + r^2 (c0 + c1 r + ...): Taylor, whose error at |r| = ln 2 / 2 is 5e-9.
  static constexpr int terms = 6;
  static constexpr float coefficients[terms] = {1.0f / 2, 1.0f / 6, 1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040};
};

template <>
struct ExpConstants<double> {
  static constexpr double least = -708.0, log2e = 1.4426950408889634, ln2High = 6.93145751953125e-1, ln2Low = 1.42860682030941723212e-6;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr int mantissa = 52;
  static constexpr int terms = 12;
  static constexpr double coefficients[terms] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                                                 1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                                 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
};

template <class T>
DM_INLINE Vec<T> exp_of(Vec<T> x) {
  typedef ExpConstants<T> C;
  const Vec<T> shift = splat(C::round);
  const Vec<T> shifted = x * splat(C::log2e) + shift;
  const Vec<T> k = shifted - shift;
  const Vec<T> r = (x - k * splat(C::ln2High)) - k * splat(C::ln2Low);
  Vec<T> p = splat(C::coefficients[C::terms - 1]);
#pragma GCC unroll 12
  for (int i = C::terms - 2; i >= 0; i--) p = p * r + splat(C::coefficients[i]);
  p = p * r * r + r + splat(T(1));
  Mask<T> bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  bits = bits << C::mantissa;  // the integer k, in the exponent's place
  Mask<T> result;
  __builtin_memcpy(&result, &p, sizeof result);
  result += bits;
  result &= ~(x < splat(C::least));
  const Mask<T> number = x == x;
  Mask<T> given;
  __builtin_memcpy(&given, &x, sizeof given);
  result = (result & number) | (given & ~number);
  Vec<T> e;
  __builtin_memcpy(&e, &result, sizeof e);
  return e;
}

// The natural logarithm of a normal number, within 2 units in the last place; NaN and infinity stay what they are.
// x = 2^k m with m in [0.7, 1.5); log m = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), |s| < 0.2. The C library's
// is not used: its symbol is newer than the systems that this library is for.
DM_INLINE double log_of(double x) {
  if (!(x < __builtin_inf())) return x;
  int64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  int64_t k = (bits - 0x3fe6666666666666) >> 52;  // from the bits of 0.7
  bits -= k << 52;
  double m;
  __builtin_memcpy(&m, &bits, sizeof m);
  const double s = (m - 1) / (m + 1), square = s * s;
  double series = 0;
  for (int term = 25; term >= 1; term -= 2) series = series * square + 1.0 / term;
  return double(k) * 0.6931471805599453 + 2 * s * series;
}

}  // namespace DM_TIER
}  // namespace dm

// Adam on a stretch of a row, and how far ahead rows are asked for: shared by row_update.cpp and bag_update.cpp.
#pragma once
#include "simd.h"

namespace dm {
namespace DM_TIER {

// Rows between a prefetch and its use: about 2 KiB of one array.
template <class T>
DM_INLINE int64_t rows_ahead(int64_t valueSize) {
  return least(int64_t(16), most(int64_t(1), 2048 / (valueSize * int64_t(sizeof(T)))));
}

DM_INLINE float root(float x) { return __builtin_sqrtf(x); }
DM_INLINE double root(double x) { return __builtin_sqrt(x); }

// g = gradientScale * gradient; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g g; u = stepSize * m / (sqrt(v) + epsilon)
template <class T>
struct Adam {
  T stepSize, beta1, beta2, rest1, rest2, epsilon, gradientScale;

  Adam(double step, double b1, double b2, double e, double scale)
      : stepSize(T(step)), beta1(T(b1)), beta2(T(b2)), rest1(T(1 - b1)), rest2(T(1 - b2)), epsilon(T(e)),
        gradientScale(T(scale)) {}

  // subtract: target -= u; otherwise u replaces the gradient, and target is not read.
  template <bool subtract>
  DM_INLINE void apply(int64_t count, T *__restrict gradient, T *__restrict m, T *__restrict v, T *__restrict target) const {
    for (int64_t c = 0; c < count; c++) {
      const T g = gradientScale * gradient[c];
      m[c] = beta1 * m[c] + rest1 * g;
      v[c] = beta2 * v[c] + rest2 * g * g;
      const T u = stepSize * m[c] / (root(v[c]) + epsilon);
      if (subtract) {
        target[c] -= u;
      } else {
        gradient[c] = u;
      }
    }
  }
};

}  // namespace DM_TIER
}  // namespace dm

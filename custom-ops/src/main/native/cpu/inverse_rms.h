// Inverse root mean squares of rows: out[r] = 1 / sqrt(mean(rows[r]^2) + epsilon). A lookup multiplies scores by those of its keys,
// so that normalised keys need not be written. Floor: rows are read once. A sum does not depend on the threads.
#pragma once
#include <cmath>

#include "simd.h"

namespace dm {
namespace DM_TIER {

template <class T>
DM_INLINE T dot(const T *x, const T *y, int64_t length) {
  Vec<T> sums[2] = {};
  int64_t c = 0;
  for (; c + 2 * kLanes<T> <= length; c += 2 * kLanes<T>) {
    sums[0] += load(x + c) * load(y + c);
    sums[1] += load(x + c + kLanes<T>) * load(y + c + kLanes<T>);
  }
  T all = sum<T>(Vec<T>(sums[0] + sums[1]));
  for (; c < length; c++) all += x[c] * y[c];
  return all;
}

template <class T>
DM_INLINE T inverse_root(T squares, int64_t length, double epsilon) {
  return T(1 / std::sqrt(double(squares) / double(length) + epsilon));
}

template <class T>
void inverse_rms(const T *rows, int64_t count, int64_t length, double epsilon, T *out, int32_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t r = 0; r < count; r++) {
    const T *row = rows + r * length;
    prefetch_read(row + 8 * length, length * int64_t(sizeof(T)));
    out[r] = inverse_root(dot(row, row, length), length, epsilon);
  }
}

}  // namespace DM_TIER
}  // namespace dm

// Inverse root mean squares of rows: out[r] = 1 / sqrt(mean(rows[r]^2) + epsilon). A lookup multiplies scores by those of its keys,
// so that normalised keys need not be written. Floor: rows are read once. A sum does not depend on the threads.
#pragma once
#include <cmath>

#include "dot.h"

namespace dm {
namespace DM_TIER {

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

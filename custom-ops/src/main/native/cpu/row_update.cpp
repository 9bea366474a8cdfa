// Updates of touched rows: lazy Adam and SGD.
//
//   g = gradientScale * gradient; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g g; u = stepSize * m / (sqrt(v) + epsilon)
//   subtract: target -= u (gradient kept); otherwise u replaces the gradient (target not read)
//
// Ladder: 1. rows one by one; 2. (this) a line of each array at a time, while the same line of a row to come is prefetched.
// Floors: Adam reads 4 rows and writes 3 for a touched row (subtract), about 12 operations, a root and a division a value.
// m, v, target: updated in place.
#include <omp.h>

#include "../kernels.h"
#include "adam.h"
#include "simd.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

template <class T, bool subtract>
void run(const Adam<T> &adam, const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients, bool byRow, T *m, T *v,
         T *target, int32_t threads) {
  const int64_t ahead = rows_ahead<T>(valueSize);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t j = 0; j < rowCount; j++) {
    const int64_t to = least(j + ahead, rowCount - 1);
    const int64_t row = rows[j] * valueSize, coming = rows[to] * valueSize;
    T *gradient = gradients + (byRow ? row : j * valueSize), *comingGradient = gradients + (byRow ? coming : to * valueSize);
    int64_t c = 0;
    for (; c < valueSize; c += kLine<T>) {
      __builtin_prefetch(m + coming + c, 1, 3);
      __builtin_prefetch(v + coming + c, 1, 3);
      __builtin_prefetch(comingGradient + c, !subtract, 3);
      if (subtract) __builtin_prefetch(target + coming + c, 1, 3);
      if (c + kLine<T> > valueSize) break;
      adam.template apply<subtract>(kLine<T>, gradient + c, m + row + c, v + row + c, subtract ? target + row + c : nullptr);
    }
    if (c < valueSize) {
      adam.template apply<subtract>(valueSize - c, gradient + c, m + row + c, v + row + c, subtract ? target + row + c : nullptr);
    }
  }
}

}  // namespace

template <class T>
int32_t row_adam(const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients, int32_t byRow, T *m, T *v,
                 T *target, int32_t subtract, double stepSize, double beta1, double beta2, double epsilon,
                 double gradientScale, int32_t threads) {
  const Adam<T> adam(stepSize, beta1, beta2, epsilon, gradientScale);
  if (subtract) {
    run<T, true>(adam, rows, rowCount, valueSize, gradients, byRow != 0, m, v, target, most(threads, 1));
  } else {
    run<T, false>(adam, rows, rowCount, valueSize, gradients, byRow != 0, m, v, target, most(threads, 1));
  }
  return DM_OK;
}

template <class T>
int32_t row_sgd(const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients, int32_t byRow, T *target,
                int32_t subtract, double stepSize, int32_t threads) {
  const T step = T(stepSize);
  const int64_t ahead = rows_ahead<T>(valueSize), rowBytes = valueSize * int64_t(sizeof(T));
#pragma omp parallel for num_threads(most(threads, 1)) schedule(static)
  for (int64_t j = 0; j < rowCount; j++) {
    const int64_t to = least(j + ahead, rowCount - 1);
    T *__restrict gradient = gradients + (byRow ? rows[j] : j) * valueSize;
    prefetch_read(gradients + (byRow ? rows[to] : to) * valueSize, rowBytes);
    if (subtract) {
      T *__restrict row = target + rows[j] * valueSize;
      prefetch_write(target + rows[to] * valueSize, rowBytes);
      for (int64_t c = 0; c < valueSize; c++) row[c] -= step * gradient[c];
    } else {
      for (int64_t c = 0; c < valueSize; c++) gradient[c] *= step;
    }
  }
  return DM_OK;
}

#define DM_INSTANCE(T)                                                                                                      \
  template int32_t row_adam<T>(const int64_t *, int64_t, int64_t, T *, int32_t, T *, T *, T *, int32_t, double, double,      \
                               double, double, double, int32_t);                                                            \
  template int32_t row_sgd<T>(const int64_t *, int64_t, int64_t, T *, int32_t, T *, int32_t, double, int32_t);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

// Gradient of weighted_bag with respect to its table and the update of the table's rows, in one pass over the touched rows.
//
//   gradient[r] = sum over accesses of row r of weights[access] * outGradients[bag(access)], in the order of the accesses
//   then lazy Adam, or SGD, on values[r] (and m[r], v[r]): the bits of weighted_bag_bp, row_adam and a subtraction.
//
// Ladder: 1. gradients into a table, updates in place of them, then a subtraction: about 9 passes over the touched rows;
//         2. (this) the gradient of a row only ever stands in the first cache; while a line of values, m and v is updated,
//            the same line of a row to come is prefetched. Chunks of rows go to whichever thread is free.
// Floors: Adam reads 3 rows and writes 3 for a touched row, SGD 1 and 1; a row of outGradients and 2 operations a value are
// added for every access. values, m, v: updated in place.
#include <omp.h>

#include "../kernels.h"
#include "adam.h"
#include "row_gradient.h"
#include "simd.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

// update(at, coming, columns, gradient): values at position `at` of the table; those at `coming` are next.
template <class T, class Update>
void for_each_row(const Accesses<T> &accesses, int32_t threads, const Update &update) {
  const int64_t valueSize = accesses.valueSize, rowCount = accesses.rowCount, *rows = accesses.rows;
  const int64_t ahead = rows_ahead<T>(valueSize);
#pragma omp parallel for num_threads(most(threads, 1)) schedule(dynamic, kRowsOfChunk)
  for (int64_t j = 0; j < rowCount; j++) {
    alignas(64) T sum[kBlock<T>];
    const int64_t row = rows[j] * valueSize, coming = rows[least(j + ahead, rowCount - 1)] * valueSize;
    for (int64_t column = 0; column < valueSize; column += kBlock<T>) {
      const int64_t columns = least(kBlock<T>, valueSize - column);
      accesses.gradient(j, column, columns, sum);
      update(row + column, coming + column, columns, sum);
    }
  }
}

}  // namespace

template <class T>
int32_t bag_adam(T *values, T *m, T *v, const T *weights, const T *outGradients, int64_t bagSize, int64_t valueSize,
                 const int64_t *order, const int64_t *rows, const int64_t *starts, int64_t rowCount, double stepSize,
                 double beta1, double beta2, double epsilon, double gradientScale, int32_t threads) {
  const Adam<T> adam(stepSize, beta1, beta2, epsilon, gradientScale);
  const Accesses<T> accesses{weights, outGradients, bagSize, valueSize, order, rows, starts, rowCount};
  for_each_row(accesses, threads, [=](int64_t at, int64_t coming, int64_t columns, T *gradient) {
    int64_t c = 0;
    for (; c < columns; c += kLine<T>) {
      __builtin_prefetch(values + coming + c, 1, 3);
      __builtin_prefetch(m + coming + c, 1, 3);
      __builtin_prefetch(v + coming + c, 1, 3);
      if (c + kLine<T> > columns) break;
      adam.template apply<true>(kLine<T>, gradient + c, m + at + c, v + at + c, values + at + c);
    }
    if (c < columns) adam.template apply<true>(columns - c, gradient + c, m + at + c, v + at + c, values + at + c);
  });
  return DM_OK;
}

template <class T>
int32_t bag_sgd(T *values, const T *weights, const T *outGradients, int64_t bagSize, int64_t valueSize, const int64_t *order,
                const int64_t *rows, const int64_t *starts, int64_t rowCount, double stepSize, int32_t threads) {
  const T step = T(stepSize);
  const Accesses<T> accesses{weights, outGradients, bagSize, valueSize, order, rows, starts, rowCount};
  for_each_row(accesses, threads, [=](int64_t at, int64_t coming, int64_t columns, T *__restrict gradient) {
    prefetch_write(values + coming, columns * int64_t(sizeof(T)));
    T *__restrict row = values + at;
    // Two loops: the update is rounded before it is subtracted, as it is where it stands in memory between the two.
    for (int64_t c = 0; c < columns; c++) gradient[c] *= step;
    for (int64_t c = 0; c < columns; c++) row[c] -= gradient[c];
  });
  return DM_OK;
}

#define DM_INSTANCE(T)                                                                                                      \
  template int32_t bag_adam<T>(T *, T *, T *, const T *, const T *, int64_t, int64_t, const int64_t *, const int64_t *,      \
                               const int64_t *, int64_t, double, double, double, double, double, int32_t);                  \
  template int32_t bag_sgd<T>(T *, const T *, const T *, int64_t, int64_t, const int64_t *, const int64_t *,                 \
                              const int64_t *, int64_t, double, int32_t);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

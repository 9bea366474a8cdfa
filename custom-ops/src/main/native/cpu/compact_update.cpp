// Gradient of a bag with respect to a bfloat16 or int8 table and the update of its rows, in one pass over the touched rows.
//
//   gradient[r] = sum over accesses of row r of weights[access] * outGradients[bag(access)], in the order of the accesses
//   row[r] = stored row to float32; lazy Adam (adam.h), or SGD, on it (and m[r], v[r]); back with stochastic rounding
//
// Ladder: (this) as bag_update.cpp: gradient and row stand in the first cache only, rows to come are prefetched, chunks of
// rows go to whichever thread is free. A row is written as a whole, because an int8 row needs its largest value first.
// Floors: reads and writes the stored row once (2 or 1 bytes a value; int8: and its scale), Adam the rows of m and v too (8
// bytes a value, which is most of what it moves); a row of outGradients and 2 operations a value for every access; a hash of
// about 12 operations a value for the rounding. table, m, v: updated in place.
#include <omp.h>

#include "../kernels.h"
#include "adam.h"
#include "compact_rows.h"
#include "row_gradient.h"
#include "scratch.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

// The gradient of rows[j]. It starts from 0, as in Java: so that the sign of a zero is the same.
void sum_gradient(const Accesses<float> &accesses, int64_t j, float *sum) {
  for (int64_t column = 0; column < accesses.valueSize; column += kBlock<float>) {
    const int64_t columns = least(kBlock<float>, accesses.valueSize - column);
    float *const part = sum + column;
    __builtin_memset(part, 0, size_t(columns) * sizeof(float));
    int64_t at = accesses.starts[j];
    for (; at + 4 <= accesses.starts[j + 1]; at += 4) accesses.add<4, false>(at, column, columns, part);
    for (; at < accesses.starts[j + 1]; at++) accesses.add<1, false>(at, column, columns, part);
  }
}

// step(at, coming, gradient, row): `at` is the position of the row's first value, those at `coming` are next.
template <class E, class Step>
int32_t update(const TableOfRows<E> &table, const Accesses<float> &accesses, const int64_t *numbers, uint64_t seed, int32_t threads,
               const Step &step) {
  const int64_t valueSize = table.valueSize, rowCount = accesses.rowCount, *rows = accesses.rows;
  const int64_t ahead = rows_ahead<float>(valueSize), room = (valueSize + 15) / 16 * 16;
  threads = most(threads, 1);
  Scratch scratch;
  if (!scratch.allocate(threads * Scratch::bytes<float>(2 * room))) return DM_NO_MEMORY;
  float *const buffers = scratch.take<float>(threads * 2 * room);
#pragma omp parallel for num_threads(threads) schedule(dynamic, kRowsOfChunk)
  for (int64_t j = 0; j < rowCount; j++) {
    float *const gradient = buffers + omp_get_thread_num() * 2 * room, *const row = gradient + room;
    const int64_t coming = rows[least(j + ahead, rowCount - 1)];
    table.prefetch(coming);
    sum_gradient(accesses, j, gradient);
    table.read(rows[j], row);
    step(rows[j] * valueSize, coming * valueSize, gradient, row);
    table.write(rows[j], row, RowBits(seed, numbers[j]));
  }
  return DM_OK;
}

}  // namespace

int32_t compact_bag_adam(int32_t storage, void *values, float *scales, float *m, float *v, const float *weights,
                         const float *outGradients, int64_t bagSize, int64_t valueSize, const int64_t *order,
                         const int64_t *rows, const int64_t *numbers, const int64_t *starts, int64_t rowCount,
                         double stepSize, double beta1, double beta2, double epsilon, double gradientScale, uint64_t seed, int32_t threads) {
  const Adam<float> adam(stepSize, beta1, beta2, epsilon, gradientScale);
  const Accesses<float> accesses{weights, outGradients, bagSize, valueSize, order, rows, starts, rowCount};
  return for_rows(storage, values, scales, valueSize, [&](const auto &table) {
    return update(table, accesses, numbers, seed, threads, [=](int64_t at, int64_t coming, float *gradient, float *row) {
      prefetch_write(m + coming, valueSize * int64_t(sizeof(float)));
      prefetch_write(v + coming, valueSize * int64_t(sizeof(float)));
      adam.template apply<true>(valueSize, gradient, m + at, v + at, row);
    });
  });
}

int32_t compact_bag_sgd(int32_t storage, void *values, float *scales, const float *weights, const float *outGradients,
                        int64_t bagSize, int64_t valueSize, const int64_t *order, const int64_t *rows,
                        const int64_t *numbers, const int64_t *starts, int64_t rowCount, double stepSize, uint64_t seed, int32_t threads) {
  const float size = float(stepSize);
  const Accesses<float> accesses{weights, outGradients, bagSize, valueSize, order, rows, starts, rowCount};
  return for_rows(storage, values, scales, valueSize, [&](const auto &table) {
    return update(table, accesses, numbers, seed, threads, [=](int64_t, int64_t, const float *__restrict gradient, float *__restrict row) {
      for (int64_t c = 0; c < valueSize; c++) row[c] -= size * gradient[c];
    });
  });
}

}  // namespace DM_TIER
}  // namespace dm

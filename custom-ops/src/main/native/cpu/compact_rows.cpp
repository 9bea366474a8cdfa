// Rows of a table, of any storage, read, written and initialised.
//
// Ladder: (this) a row a task; the row stands in the first cache as float32 between its storage and the array.
// Floors: read and write move the stored row and the float32 row once; initialise writes the stored rows once and reads
// nothing, with about 30 operations a value (a hash, half a logarithm, root, sine and cosine; and a hash for the rounding).
#include <omp.h>

#include "../kernels.h"
#include "compact_rows.h"
#include "normal_row.h"
#include "scratch.h"
#include "slots.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

constexpr int64_t kRowsOfChunk = 64;

// work(j, row) for every row that is named; rows that come are asked for.
template <class E, class Work>
void for_each_row(const TableOfRows<E> &table, const int64_t *rows, int64_t rowCount, int32_t threads, const Work &work) {
  const int64_t ahead = rows_ahead<E>(table.valueSize);
#pragma omp parallel for num_threads(most(threads, 1)) schedule(dynamic, kRowsOfChunk)
  for (int64_t j = 0; j < rowCount; j++) {
    table.prefetch(rows[least(j + ahead, rowCount - 1)]);
    work(j, rows[j]);
  }
}

}  // namespace

int32_t read_rows(int32_t storage, const void *values, const float *scales, int64_t slotCount, int64_t valueSize,
                  const int64_t *rows, int64_t rowCount, float *out, int32_t threads, int64_t *where) {
  const int64_t outside = first_outside(rows, rowCount, slotCount, most(threads, 1));
  if (outside != INT64_MAX) {
    *where = outside;
    return DM_OUT_OF_RANGE;
  }
  return for_rows(storage, values, scales, valueSize, [&](const auto &table) {
    for_each_row(table, rows, rowCount, threads, [&](int64_t j, int64_t row) { table.read(row, out + j * valueSize); });
    return DM_OK;
  });
}

int32_t write_rows(int32_t storage, void *values, float *scales, int64_t valueSize, const int64_t *rows, int64_t rowCount,
                   const float *source, uint64_t seed, int32_t threads) {
  return for_rows(storage, values, scales, valueSize, [&](const auto &table) {
    for_each_row(table, rows, rowCount, threads, [&](int64_t j, int64_t row) { table.write(row, source + j * valueSize, RowBits(seed, row)); });
    return DM_OK;
  });
}

int32_t initialise_normal(int32_t storage, void *values, float *scales, int64_t slotCount, int64_t valueSize, double deviation,
                          uint64_t seed, int32_t threads) {
  const int64_t room = (valueSize + kNormalBlock - 1) / kNormalBlock * kNormalBlock;
  threads = most(threads, 1);
  Scratch scratch;
  if (!scratch.allocate(threads * Scratch::bytes<float>(room))) return DM_NO_MEMORY;
  float *const buffers = scratch.take<float>(threads * room);
  return for_rows(storage, values, scales, valueSize, [&](const auto &table) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, kRowsOfChunk)
    for (int64_t row = 0; row < slotCount; row++) {
      float *const buffer = buffers + omp_get_thread_num() * room;
      normal_row(seed, row, float(deviation), valueSize, buffer);
      table.write(row, buffer, RowBits(~seed, row));
    }
    return DM_OK;
  });
}

}  // namespace DM_TIER
}  // namespace dm

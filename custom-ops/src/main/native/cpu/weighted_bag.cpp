// Weighted sum of table rows, and its gradient over accesses grouped by row.
//
//   out[b] = sum_k weights[b,k] * values[slots[b,k]]
//
// Ladder: 1. one row after the other, out in memory (bound by the latency of a random row);
//         2. (this) four rows at a time, so that out is read and written once for four rows, and the rows that come some
//            16 KiB of reading later are prefetched line by line meanwhile. A sum is formed in the order of k, always.
// The weights' gradient alone reads the same rows in the same order as forward, and needs no grouping.
// A table of bfloat16 or int8 rows is read by the same loops: 8 (4) values become float32 in two instructions, and the scale of
// an int8 row is multiplied into its weight. It moves a half or a quarter of the bytes (int8: and a line for the scale).
// Floors: forward reads bags*bagSize*valueSize values once, 2 operations each. Backward, one pass over the distinct rows:
// reads each touched row and writes its gradient once, 4 operations per value of an access. All outputs: assigned.
#include <omp.h>

#include "../kernels.h"
#include "simd.h"
#include "slots.h"
#include "stored.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

constexpr int64_t kAheadBytes = 16384;

// Accesses between a prefetch and its use.
template <class E>
int64_t accesses_ahead(int64_t valueSize) {
  const int64_t rows = kAheadBytes / (valueSize * int64_t(sizeof(E)));
  return least(most(rows, int64_t(4)), int64_t(64));
}

// A table whose values are stored as E, with a scale for each row where they are int8.
template <class E>
struct TableOf {
  const E *values;
  const float *scales;

  // What the weight of a row is multiplied by.
  DM_INLINE Number<E> scale(int64_t slot) const { return sizeof(E) == 1 ? Number<E>(scales[slot]) : Number<E>(1); }
  DM_INLINE void prefetch_scale(int64_t slot) const {
    if (sizeof(E) == 1) __builtin_prefetch(scales + slot, 0, 3);
  }
};

template <class E>
DM_INLINE TableOf<E> table_of(const E *values, const float *scales) {
  return {values, scales};
}

// out[0..columns) = (or +=) sum over R rows of weight * row; meanwhile asks for the lines of R rows to come.
template <class E, int R, bool assign, class T = Number<E>>
DM_INLINE void add_rows(const E *const *rows, const T *weights, const E *const *coming, int64_t columns, T *out) {
  Vec<T> w[R];
  for (int r = 0; r < R; r++) w[r] = splat(weights[r]);
  const auto add = [&](int64_t j) __attribute__((always_inline)) {
    Vec<T> sum = assign ? Vec<T>{} : load(out + j);
    for (int r = 0; r < R; r++) sum += w[r] * decode_vector(rows[r] + j);
    store(out + j, sum);
  };
  int64_t c = 0;
  for (; c + kLine<E> <= columns; c += kLine<E>) {
    for (int r = 0; r < R; r++) __builtin_prefetch(coming[r] + c, 0, 3);
#pragma GCC unroll 8
    for (int64_t j = c; j < c + kLine<E>; j += kLanes<T>) add(j);
  }
  // The last line: of a row that does not end, or, as ND4J's, does not begin at one.
  for (int r = 0; r < R; r++) __builtin_prefetch(coming[r] + columns - 1, 0, 3);
  for (; c + kLanes<T> <= columns; c += kLanes<T>) add(c);
  for (; c < columns; c++) {
    T sum = assign ? T(0) : out[c];
    for (int r = 0; r < R; r++) sum += weights[r] * decode(rows[r][c]);
    out[c] = sum;
  }
}

template <class E, int R, class T = Number<E>>
DM_INLINE void add_accesses(const TableOf<E> &table, const int64_t *slots, const T *weights, int64_t at, int64_t ahead, int64_t last,
                            int64_t valueSize, int64_t columns, bool assign, T *out) {
  const E *rows[R], *coming[R];
  T w[R];
  for (int r = 0; r < R; r++) {
    const int64_t next = slots[least(at + r + ahead, last)];
    rows[r] = table.values + slots[at + r] * valueSize;
    coming[r] = table.values + next * valueSize;
    table.prefetch_scale(next);
    w[r] = weights[at + r] * table.scale(slots[at + r]);
  }
  if (assign) {
    add_rows<E, R, true>(rows, w, coming, columns, out);
  } else {
    add_rows<E, R, false>(rows, w, coming, columns, out);
  }
}

template <class E, class T = Number<E>>
int32_t bag(const TableOf<E> &table, const int64_t *slots, const T *weights, int64_t bags, int64_t bagSize, int64_t slotCount,
            int64_t valueSize, T *out, int32_t threads, int64_t *where) {
  threads = most(threads, 1);
  const int64_t outside = first_outside(slots, bags * bagSize, slotCount, threads);
  if (outside != INT64_MAX) {
    *where = outside;
    return DM_OUT_OF_RANGE;
  }
  if (bags * valueSize == 0) return DM_OK;
  // Fewer bags than threads: a bag is divided by columns, at whole cache lines.
  const int64_t wanted = bags < threads ? (threads + bags - 1) / bags : 1;
  const int64_t width = ((valueSize + wanted - 1) / wanted + kLine<E> - 1) / kLine<E> * kLine<E>;
  const int64_t parts = (valueSize + width - 1) / width, ahead = accesses_ahead<E>(width);
  // Chunks go to whichever thread is free: a machine is seldom ours alone.
  const int64_t chunk = most(int64_t(1), least(int64_t(16), bags * parts / threads));
#pragma omp parallel for num_threads(threads) schedule(dynamic, chunk)
  for (int64_t task = 0; task < bags * parts; task++) {
    const int64_t bag = task / parts, column = task % parts * width, columns = least(width, valueSize - column);
    const int64_t from = bag * bagSize, to = from + bagSize, last = bags * bagSize - 1;
    const TableOf<E> part{table.values + column, table.scales};
    T *sum = out + bag * valueSize + column;
    int64_t at = from;
    for (; at + 4 <= to; at += 4) {
      add_accesses<E, 4>(part, slots, weights, at, ahead, last, valueSize, columns, at == from, sum);
    }
    for (; at < to; at++) {
      add_accesses<E, 1>(part, slots, weights, at, ahead, last, valueSize, columns, at == from, sum);
    }
    if (bagSize == 0) __builtin_memset(sum, 0, size_t(columns) * sizeof(T));
  }
  return DM_OK;
}

// What an access does with the gradient of its row.
enum class Gradient { none, assign, add };

// gradient = (or +=) weight * out, or nothing; returns <out, value>. Asks for the lines of a table row to come, if there is one.
template <class E, Gradient form, class T = Number<E>>
DM_INLINE T add_access(const E *value, const T *out, T weight, const E *coming, int64_t valueSize, T *gradient) {
  const Vec<T> w = splat(weight);
  constexpr int vectors = int(kLine<E> / kLanes<T>);
  Vec<T> dot[vectors] = {};
  int64_t c = 0;
  for (; c + kLine<E> <= valueSize; c += kLine<E>) {
    if (coming) __builtin_prefetch(coming + c, 0, 3);
#pragma GCC unroll 16
    for (int j = 0; j < vectors; j++) {
      const int64_t at = c + j * kLanes<T>;
      const Vec<T> o = load(out + at);
      dot[j] += o * decode_vector(value + at);
      if (form == Gradient::assign) store(gradient + at, Vec<T>(w * o));
      if (form == Gradient::add) store(gradient + at, Vec<T>(load(gradient + at) + w * o));
    }
  }
  if (sizeof(E) < sizeof(T)) {  // a line is long: what is left of the row is whole vectors first
    for (; c + kLanes<T> <= valueSize; c += kLanes<T>) dot[0] += load(out + c) * decode_vector(value + c);
  }
  for (int j = 1; j < vectors; j++) dot[0] += dot[j];
  T tail = sum<T>(dot[0]);
  if (coming) __builtin_prefetch(coming + valueSize - 1, 0, 3);
  for (; c < valueSize; c++) {
    tail += out[c] * decode(value[c]);
    if (form != Gradient::none) gradient[c] = (form == Gradient::assign ? T(0) : gradient[c]) + weight * out[c];
  }
  return tail;
}

// The first of rows[0..rowCount) whose accesses start at or after `access`.
int64_t row_of_access(const int64_t *starts, int64_t rowCount, int64_t access) {
  int64_t low = 0, high = rowCount;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (starts[middle] < access) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

template <class T>
int32_t weighted_bag_bp(const T *values, const T *weights, const T *outGradients, int64_t bagSize, int64_t valueSize,
                        const int64_t *order, const int64_t *rows, const int64_t *starts, int64_t rowCount,
                        T *rowGradients, int32_t byRow, T *weightGradients, int32_t threads) {
  threads = most(threads, 1);
  if (rowCount == 0) return DM_OK;
  const int64_t first = starts[0], accesses = starts[rowCount] - first;
  const int64_t ahead = most(int64_t(1), least(int64_t(16), kAheadBytes / 2 / (valueSize * int64_t(sizeof(T)))));
#pragma omp parallel num_threads(threads)
  {
    // Every thread takes rows with about as many accesses.
    const int64_t team = omp_get_num_threads(), me = omp_get_thread_num();
    const int64_t from = row_of_access(starts, rowCount, first + accesses * me / team);
    const int64_t to = me + 1 == team ? rowCount : row_of_access(starts, rowCount, first + accesses * (me + 1) / team);
    for (int64_t j = from; j < to; j++) {
      const T *value = values + rows[j] * valueSize, *coming = values + rows[least(j + ahead, rowCount - 1)] * valueSize;
      T *gradient = rowGradients ? rowGradients + (byRow ? rows[j] : j) * valueSize : nullptr;
      for (int64_t s = starts[j]; s < starts[j + 1]; s++) {
        const int64_t access = order[s];
        const T *out = outGradients + access / bagSize * valueSize;
        const bool first = s == starts[j];
        const T *next = first ? coming : nullptr;
        const T dot = !gradient ? add_access<T, Gradient::none>(value, out, weights[access], next, valueSize, gradient)
                      : first   ? add_access<T, Gradient::assign>(value, out, weights[access], next, valueSize, gradient)
                                : add_access<T, Gradient::add>(value, out, weights[access], next, valueSize, gradient);
        if (weightGradients) weightGradients[access] = dot;
      }
    }
  }
  return DM_OK;
}

namespace {

// A bag's row of outGradients stays in the first cache while its rows go by, in the order in which they stand in the bag.
template <class E, class T = Number<E>>
int32_t weights_bp(const TableOf<E> &table, const int64_t *slots, const T *outGradients, int64_t bags, int64_t bagSize,
                   int64_t slotCount, int64_t valueSize, T *weightGradients, int32_t threads, int64_t *where) {
  threads = most(threads, 1);
  const int64_t outside = first_outside(slots, bags * bagSize, slotCount, threads);
  if (outside != INT64_MAX) {
    *where = outside;
    return DM_OUT_OF_RANGE;
  }
  const int64_t last = bags * bagSize - 1, ahead = accesses_ahead<E>(valueSize);
  const int64_t chunk = most(int64_t(1), least(int64_t(16), bags / threads));
#pragma omp parallel for num_threads(threads) schedule(dynamic, chunk)
  for (int64_t bag = 0; bag < bags; bag++) {
    const T *out = outGradients + bag * valueSize;
    for (int64_t at = bag * bagSize; at < (bag + 1) * bagSize; at++) {
      const int64_t next = slots[least(at + ahead, last)];
      const E *value = table.values + slots[at] * valueSize, *coming = table.values + next * valueSize;
      table.prefetch_scale(next);
      const T dot = add_access<E, Gradient::none>(value, out, T(0), coming, valueSize, static_cast<T *>(nullptr));
      weightGradients[at] = dot * table.scale(slots[at]);
    }
  }
  return DM_OK;
}

}  // namespace

template <class T>
int32_t weighted_bag(const T *values, const int64_t *slots, const T *weights, int64_t bags, int64_t bagSize, int64_t slotCount,
                     int64_t valueSize, T *out, int32_t threads, int64_t *where) {
  return bag(TableOf<T>{values, nullptr}, slots, weights, bags, bagSize, slotCount, valueSize, out, threads, where);
}

template <class T>
int32_t weighted_bag_weights_bp(const T *values, const int64_t *slots, const T *outGradients, int64_t bags, int64_t bagSize,
                                int64_t slotCount, int64_t valueSize, T *weightGradients, int32_t threads, int64_t *where) {
  return weights_bp(TableOf<T>{values, nullptr}, slots, outGradients, bags, bagSize, slotCount, valueSize, weightGradients,
                    threads, where);
}

int32_t compact_bag(int32_t storage, const void *values, const float *scales, const int64_t *slots, const float *weights,
                    int64_t bags, int64_t bagSize, int64_t slotCount, int64_t valueSize, float *out, int32_t threads,
                    int64_t *where) {
  return for_storage(storage, values, [&](auto *stored) {
    return bag(table_of(stored, scales), slots, weights, bags, bagSize, slotCount, valueSize, out, threads, where);
  });
}

int32_t compact_bag_weights_bp(int32_t storage, const void *values, const float *scales, const int64_t *slots,
                               const float *outGradients, int64_t bags, int64_t bagSize, int64_t slotCount, int64_t valueSize,
                               float *weightGradients, int32_t threads, int64_t *where) {
  return for_storage(storage, values, [&](auto *stored) {
    return weights_bp(table_of(stored, scales), slots, outGradients, bags, bagSize, slotCount, valueSize, weightGradients, threads,
                      where);
  });
}

#define DM_INSTANCE(T)                                                                                                     \
  template int32_t weighted_bag<T>(const T *, const int64_t *, const T *, int64_t, int64_t, int64_t, int64_t, T *, int32_t, \
                                   int64_t *);                                                                             \
  template int32_t weighted_bag_bp<T>(const T *, const T *, const T *, int64_t, int64_t, const int64_t *, const int64_t *, \
                                      const int64_t *, int64_t, T *, int32_t, T *, int32_t);                               \
  template int32_t weighted_bag_weights_bp<T>(const T *, const int64_t *, const T *, int64_t, int64_t, int64_t, int64_t,   \
                                              T *, int32_t, int64_t *);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

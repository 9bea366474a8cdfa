// The gradient of a table's row: sum over its accesses of weight * row of outGradients. Shared by the updates of tables.
//
// In an anonymous namespace: the files that include this are compiled with and without contraction of a*b+c.
#pragma once
#include "simd.h"

namespace dm {
namespace DM_TIER {
namespace {

// Values of a row that are summed at a time: 2 KiB.
template <class T>
constexpr int64_t kBlock = 2048 / int64_t(sizeof(T));

constexpr int64_t kRowsOfChunk = 64;

// sum[0..columns) = (or +=) weight * row over R rows, one after the other.
template <class T, int R, bool assign>
DM_INLINE void add_rows(const T *const *rows, const T *weights, int64_t columns, T *sum) {
  Vec<T> w[R];
  for (int r = 0; r < R; r++) w[r] = splat(weights[r]);
  int64_t c = 0;
  for (; c + kLanes<T> <= columns; c += kLanes<T>) {
    Vec<T> s = assign ? Vec<T>(w[0] * load(rows[0] + c)) : Vec<T>(load(sum + c) + w[0] * load(rows[0] + c));
    for (int r = 1; r < R; r++) s += w[r] * load(rows[r] + c);
    store(sum + c, s);
  }
  for (; c < columns; c++) {
    T s = assign ? T(0) : sum[c];
    for (int r = 0; r < R; r++) s += weights[r] * rows[r][c];
    sum[c] = s;
  }
}

// The accesses of a batch, grouped by dm_group_by_row, with what they read and what came back.
template <class T>
struct Accesses {
  const T *weights, *outGradients;
  int64_t bagSize, valueSize;
  const int64_t *order, *rows, *starts;
  int64_t rowCount;

  template <int R, bool assign>
  DM_INLINE void add(int64_t at, int64_t column, int64_t columns, T *sum) const {
    const T *out[R];
    T weight[R];
    for (int r = 0; r < R; r++) {
      out[r] = outGradients + order[at + r] / bagSize * valueSize + column;
      weight[r] = weights[order[at + r]];
    }
    add_rows<T, R, assign>(out, weight, columns, sum);
  }

  // Columns [column, column + columns) of the gradient of rows[j].
  DM_INLINE void gradient(int64_t j, int64_t column, int64_t columns, T *sum) const {
    int64_t at = starts[j];
    add<1, true>(at++, column, columns, sum);
    for (; at + 4 <= starts[j + 1]; at += 4) add<4, false>(at, column, columns, sum);
    for (; at < starts[j + 1]; at++) add<1, false>(at, column, columns, sum);
  }
};

}  // namespace
}  // namespace DM_TIER
}  // namespace dm

// Rows sorted by group times the matrix of their group: the products of a mixture of experts.
//
//   out[r] = rows[r] * weights[group of r],   starts[g] <= r < starts[g+1]
//
// Ladder: 1. BLAS, one product a group: with one to four rows it copies the matrix before it multiplies (7 GB/s a core);
//         2. (this, few rows) a matrix is read as it lies, eight of its rows at a time, each in sequence over a part of the columns,
//            and meets up to four rows of the group in registers; the eight rows that come next are prefetched meanwhile.
//            More rows of the group find the eight in the first cache;
//         3. (this, AVX-512, from eight rows of a group on) tiles of 8 rows x 2 vectors: matmul_tile.h. With half of the
//            registers, and half as long, tiles gain nothing over 2.
// A sum is formed in the order of the inner axis, whatever the threads and the other rows.
// Floor: each matrix that has rows is read once; 2 operations for each of its elements and each row. Output: assigned.
#include <omp.h>

#include "../kernels.h"
#include "matmul_tile.h"
#include "simd.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

constexpr int kInner = 8;             // rows of a matrix at a time
// Of matrices, or multiply-adds: below, about 20 us, a further thread costs more than it saves.
constexpr int64_t kBytesOfThread = 1 << 19, kProductsOfThread = 1 << 20;
constexpr int64_t kPartBytes = 6144;  // of a row of a matrix at most, for one task: the longer, the faster it is read

// Rows of a group from which tiles are worth it.
constexpr int64_t kTiledFrom = kVectorBytes == 64 ? 8 : INT64_MAX;

// out[r][c..c+line) = (or +=) sum over K of rows[r][k] * weights[k][c..c+line), for R rows.
template <class T, int R, int K, bool assign>
DM_INLINE void add_line(const Product<T> &p, int64_t row, int64_t k, int64_t c) {
  constexpr int vectors = int(kLine<T> / kLanes<T>) < 2 ? int(kLine<T> / kLanes<T>) : 2;
  for (int half = 0; half < int(kLine<T>); half += vectors * kLanes<T>) {
    Vec<T> sum[R][vectors];
    for (int r = 0; r < R; r++) {
      for (int v = 0; v < vectors; v++) {
        sum[r][v] = assign ? Vec<T>{} : load(p.out + (row + r) * p.nOut + c + half + v * kLanes<T>);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < K; i++) {
      const T *w = p.weights + (k + i) * p.nOut + c + half;
      for (int r = 0; r < R; r++) {
        const Vec<T> x = splat(p.rows[(row + r) * p.nIn + k + i]);
        for (int v = 0; v < vectors; v++) sum[r][v] += x * load(w + v * kLanes<T>);
      }
    }
    for (int r = 0; r < R; r++) {
      for (int v = 0; v < vectors; v++) store(p.out + (row + r) * p.nOut + c + half + v * kLanes<T>, sum[r][v]);
    }
  }
}

template <class T, int R, int K, bool assign>
void add_rows(const Product<T> &p, int64_t row, int64_t k, bool ask) {
  int64_t c = 0;
  for (; c + kLine<T> <= p.columns; c += kLine<T>) {
    if (ask) {
      for (int i = 0; i < K; i++) __builtin_prefetch(p.weights + (k + K + i) * p.nOut + c, 0, 3);
    }
    add_line<T, R, K, assign>(p, row, k, c);
  }
  for (; c < p.columns; c++) {
    for (int r = 0; r < R; r++) {
      T *to = p.out + (row + r) * p.nOut + c;
      T sum = assign ? T(0) : *to;
      for (int i = 0; i < K; i++) sum += p.rows[(row + r) * p.nIn + k + i] * p.weights[(k + i) * p.nOut + c];
      *to = sum;
    }
  }
}

template <class T, int K>
void add_inner(const Product<T> &p, int64_t from, int64_t to, int64_t k) {
  for (int64_t row = from; row < to; row += 4) {
    const bool ask = row == from && k + 2 * K <= p.nIn;
    const int64_t left = to - row;
#define DM_ROWS(R) (k == 0 ? add_rows<T, R, K, true>(p, row, k, ask) : add_rows<T, R, K, false>(p, row, k, ask))
    if (left >= 4) {
      DM_ROWS(4);
    } else if (left == 3) {
      DM_ROWS(3);
    } else if (left == 2) {
      DM_ROWS(2);
    } else {
      DM_ROWS(1);
    }
#undef DM_ROWS
  }
}

}  // namespace

template <class T>
int32_t grouped_matmul(const T *rows, const T *weights, const int64_t *starts, int64_t groups, int64_t nIn, int64_t nOut,
                       T *out, int32_t threads) {
  int64_t hit = 0, longest = 0;  // groups with rows, and the most rows
  for (int64_t g = 0; g < groups; g++) {
    hit += starts[g] < starts[g + 1];
    longest = most(longest, starts[g + 1] - starts[g]);
  }
  const int64_t bytes = hit * nIn * nOut * int64_t(sizeof(T)), products = (starts[groups] - starts[0]) * nIn * nOut;
  threads = int32_t(most(int64_t(1), least(int64_t(threads), most(bytes / kBytesOfThread, products / kProductsOfThread))));
  int64_t most_columns = kPartBytes / int64_t(sizeof(T));
  if (longest >= kTiledFrom) {
    most_columns = least(most_columns, kSumBytes / int64_t(sizeof(T)) / least(longest, kMostRows) / kLine<T> * kLine<T>);
  }
  // Two tasks a thread, so that none waits long for the others.
  const int64_t wanted = most((nOut + most_columns - 1) / most_columns, (2 * threads + hit - 1) / most(hit, int64_t(1)));
  const int64_t width = ((nOut + wanted - 1) / wanted + kLine<T> - 1) / kLine<T> * kLine<T>;
  const int64_t parts = (nOut + width - 1) / width;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) if (threads > 1)
  for (int64_t task = 0; task < groups * parts; task++) {
    const int64_t group = task / parts, column = task % parts * width;
    const int64_t from = starts[group], to = starts[group + 1];
    if (from == to) continue;
    const Product<T> p = {rows, nIn, weights + group * nIn * nOut + column, nOut, least(width, nOut - column), out + column};
    if (to - from >= kTiledFrom) {
      for (int64_t row = from; row < to; row += kMostRows) matmul_part(p, row, least(kMostRows, to - row), row == from);
      continue;
    }
    int64_t k = 0;
    for (; k + kInner <= nIn; k += kInner) add_inner<T, kInner>(p, from, to, k);
    for (; k < nIn; k++) add_inner<T, 1>(p, from, to, k);
  }
  return DM_OK;
}

#define DM_INSTANCE(T)                                                                                            \
  template int32_t grouped_matmul<T>(const T *, const T *, const int64_t *, int64_t, int64_t, int64_t, T *, int32_t);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

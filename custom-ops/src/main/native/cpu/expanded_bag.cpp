// Weighted sums of table rows, one for each bag and block, and the gradient of their weights.
//
//   out[b,e,slice p] = sum over k with blocks[b,k] = e of weights[b,k,p] * values[slots[b,k], slice p]
//
// Ladder: 1. row after row in the order of the bag, each added to the sum of its block (sums in memory);
//         2. (this) the accesses of a bag by block, four rows at a time, rows that come later prefetched meanwhile. A sum is
//            formed in the order of k, always.
// Floors: those of weighted_bag: bags*bagSize*valueSize values are read once, 2 operations each; the gradient too.
// The gradient of the table is weighted_bag_bp's or bag_adam's, whose bags are then the blocks: see ExpandedRows.java.
#include <omp.h>

#include "../kernels.h"
#include "dot.h"
#include "scratch.h"
#include "simd.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

constexpr int64_t kBytesAhead = 16384;

template <class T>
int64_t rows_ahead(int64_t valueSize) {
  return least(most(kBytesAhead / (valueSize * int64_t(sizeof(T))), int64_t(4)), int64_t(64));
}

// out[0..columns) = (or +=) sum over R rows of weight * row; asks for the same columns of R rows to come.
template <class T, int R>
DM_INLINE void add(const T *const *rows, const T *const *coming, const T *weights, int64_t columns, bool assign, T *out) {
  Vec<T> w[R];
  for (int r = 0; r < R; r++) w[r] = splat(weights[r]);
  int64_t c = 0;
  for (; c + kLanes<T> <= columns; c += kLanes<T>) {
    if (c % kLine<T> == 0) {
      for (int r = 0; r < R; r++) __builtin_prefetch(coming[r] + c, 0, 3);
    }
    Vec<T> sum = assign ? Vec<T>{} : load(out + c);
    for (int r = 0; r < R; r++) sum += w[r] * load(rows[r] + c);
    store(out + c, sum);
  }
  for (int r = 0; r < R; r++) __builtin_prefetch(coming[r] + columns - 1, 0, 3);
  for (; c < columns; c++) {
    T sum = assign ? T(0) : out[c];
    for (int r = 0; r < R; r++) sum += weights[r] * rows[r][c];
    out[c] = sum;
  }
}

// What is the same for all bags.
template <class T>
struct Bags {
  const T *values;
  const int64_t *slots, *blocks;
  const T *weights;
  int64_t bagSize, coreCount, valueSize;
  T *out;

  // Accesses order[at..at+R) of the bag that starts at `first`, all of one block whose sum is `sum`.
  template <int R>
  void accesses(int64_t first, const int32_t *order, int64_t at, int64_t last, int64_t ahead, bool assign, T *sum) const {
    const int64_t width = valueSize / coreCount;
    const T *rows[R], *coming[R];
    T w[R];
    for (int r = 0; r < R; r++) {
      rows[r] = values + slots[first + order[at + r]] * valueSize;
      coming[r] = values + slots[first + order[least(at + r + ahead, last)]] * valueSize;
    }
    for (int64_t p = 0; p < coreCount; p++) {
      for (int r = 0; r < R; r++) w[r] = weights[(first + order[at + r]) * coreCount + p];
      add<T, R>(rows, coming, w, width, assign, sum + p * width);
      for (int r = 0; r < R; r++) {
        rows[r] += width;
        coming[r] += width;
      }
    }
  }

  // The sums of blocks [from, to) of a bag; order, ends: scratch of bagSize and of to - from.
  void sums(int64_t bag, int64_t expansion, int64_t from, int64_t to, int32_t *order, int32_t *ends) const {
    const int64_t first = bag * bagSize;
    int32_t count = 0;
    if (to - from <= 4) {
      for (int64_t e = from; e < to; e++) {
        for (int64_t k = 0; k < bagSize; k++) {
          order[count] = int32_t(k);
          count += blocks[first + k] == e;
        }
        ends[e - from] = count;
      }
    } else {  // stable counting sort
      for (int64_t e = from; e < to; e++) ends[e - from] = 0;
      for (int64_t k = 0; k < bagSize; k++) ends[blocks[first + k] - from]++;
      for (int64_t e = 0; e < to - from; e++) {
        const int32_t here = ends[e];
        ends[e] = count;
        count += here;
      }
      for (int64_t k = 0; k < bagSize; k++) order[ends[blocks[first + k] - from]++] = int32_t(k);
    }
    const int64_t ahead = rows_ahead<T>(valueSize);
    int64_t at = 0;
    for (int64_t e = from; e < to; e++) {
      T *sum = out + (bag * expansion + e) * valueSize;
      const int64_t start = at, end = ends[e - from], last = count - 1;
      for (; at + 4 <= end; at += 4) accesses<4>(first, order, at, last, ahead, at == start, sum);
      for (; at < end; at++) accesses<1>(first, order, at, last, ahead, at == start, sum);
      if (start == end) __builtin_memset(sum, 0, size_t(valueSize) * sizeof(T));
    }
  }
};

}  // namespace

template <class T>
int32_t expanded_bag(const T *values, const int64_t *slots, const int64_t *blocks, const T *weights, int64_t bags,
                     int64_t bagSize, int64_t coreCount, int64_t expansion, int64_t valueSize, T *out, int32_t threads) {
  threads = most(threads, 1);
  const int64_t each = Scratch::bytes<int32_t>(bagSize + 1) + Scratch::bytes<int32_t>(expansion);
  Scratch scratch;
  if (!scratch.allocate(threads * each)) return DM_NO_MEMORY;
  char *rest = scratch.take<char>(threads * each);
  const Bags<T> all{values, slots, blocks, weights, bagSize, coreCount, valueSize, out};
  const bool split = bags < threads;  // few bags: a block is a task
  const int64_t parts = split ? expansion : 1;
  const int64_t chunk = most(int64_t(1), least(int64_t(16), bags * parts / threads));
#pragma omp parallel for num_threads(threads) schedule(dynamic, chunk)
  for (int64_t task = 0; task < bags * parts; task++) {
    Scratch own;
    own.borrow(rest + omp_get_thread_num() * each);
    int32_t *order = own.template take<int32_t>(bagSize + 1), *ends = own.template take<int32_t>(expansion);
    const int64_t part = task % parts;
    all.sums(task / parts, expansion, split ? part : 0, split ? part + 1 : expansion, order, ends);
  }
  return DM_OK;
}

template <class T>
int32_t expanded_bag_weights_bp(const T *values, const int64_t *slots, const int64_t *blocks, const T *outGradients,
                                int64_t bags, int64_t bagSize, int64_t coreCount, int64_t expansion, int64_t valueSize,
                                T *weightGradients, int32_t threads) {
  threads = most(threads, 1);
  const int64_t width = valueSize / coreCount, last = bags * bagSize - 1, ahead = rows_ahead<T>(valueSize);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 64)
  for (int64_t at = 0; at < bags * bagSize; at++) {
    const T *value = values + slots[at] * valueSize;
    prefetch_read(values + slots[least(at + ahead, last)] * valueSize, valueSize * int64_t(sizeof(T)));
    const T *out = outGradients + (at / bagSize * expansion + blocks[at]) * valueSize;
    for (int64_t p = 0; p < coreCount; p++) {
      weightGradients[at * coreCount + p] = dot(out + p * width, value + p * width, width);
    }
  }
  return DM_OK;
}

#define DM_INSTANCE(T)                                                                                                        \
  template int32_t expanded_bag<T>(const T *, const int64_t *, const int64_t *, const T *, int64_t, int64_t, int64_t,         \
                                   int64_t, int64_t, T *, int32_t);                                                           \
  template int32_t expanded_bag_weights_bp<T>(const T *, const int64_t *, const int64_t *, const T *, int64_t, int64_t,       \
                                              int64_t, int64_t, int64_t, T *, int32_t);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

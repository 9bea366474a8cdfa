// Product-key lookup in three parts, for workers that hold one half of the sub-keys each: the best of each half, and their
// merge. Scores and order are those of product_key_topk, bit for bit.
//
// Ladder: as product_key_topk, whose half scores and selection these are.
// Floors: half_topk: per query and head n*length multiply-adds, keys read once per query block (few queries: once); merge:
// 2*topK scores and indices read and topK written per query. All outputs: assigned, only when all is well (they are staged).
#include <omp.h>

#include "../kernels.h"
#include "half_scores.h"
#include "select.h"
#include "staged.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

template <class T>
struct HalfLookup {
  const T *query;
  int64_t queryStride, queryHeadStride;
  const T *keys;
  int64_t keysHeadStride, batch, heads, n, length, topK;
  T *scores;
  int64_t *indices;
  int32_t threads;
  int64_t firstNan = kNone;

  bool few() const { return batch < kTileRows; }
  int64_t row_stride() const { return padded<T>(n) + 64 / int64_t(sizeof(T)); }  // not a multiple of 4 KiB

  // As many queries as product_key_topk takes at a time.
  int64_t block_rows() const {
    if (few()) return most(batch, int64_t(1));
    const int64_t fit = (320 << 10) / (row_stride() * int64_t(sizeof(T))), share = (batch * heads + threads - 1) / threads;
    return (least(most(least(fit, share), int64_t(1)), int64_t(96)) + kTileRows - 1) / kTileRows * kTileRows;
  }

  int64_t scratch_bytes() const {
    return Scratch::bytes<T>(kDepth * kTileColumns<T>) + Scratch::bytes<T>((block_rows() + kTileRows) * length) +
           Scratch::bytes<T>((block_rows() + kTileRows) * row_stride()) + Scratch::bytes<uint32_t>(topK) +
           Selector<T>::scratch_bytes(n, topK);
  }

  int32_t run(int64_t *where) {
    const int64_t blocks = (batch + block_rows() - 1) / block_rows(), each = scratch_bytes();
    Scratch scratch;
    if (!scratch.allocate(threads * each)) return DM_NO_MEMORY;
    char *rest = scratch.take<char>(threads * each);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < heads * blocks; task++) {
      Scratch own;
      own.borrow(rest + omp_get_thread_num() * each);
      block(own, task / blocks, task % blocks * block_rows());
    }
    return nan_status(firstNan, where);
  }

  void block(Scratch &own, int64_t head, int64_t from) {
    const int64_t rows = least(block_rows(), batch - from);
    T *panel = own.take<T>(kDepth * kTileColumns<T>);
    T *tiles = own.take<T>((block_rows() + kTileRows) * length);
    T *rowScores = own.take<T>((block_rows() + kTileRows) * row_stride());
    uint32_t *found = own.take<uint32_t>(topK);
    Selector<T> selector;
    selector.take(own, n, topK);
    const T *q = query + from * queryStride + head * queryHeadStride, *k = keys + head * keysHeadStride;
    if (few()) {
      scores_streaming(k, n, length, q, queryStride, rows, rowScores, row_stride());
    } else {
      pack_queries(q, queryStride, rows, length, tiles);
      scores_blocked(tiles, (rows + kTileRows - 1) / kTileRows * kTileRows, k, n, length, panel, rowScores, row_stride());
    }
    for (int64_t r = 0; r < rows; r++) {
      T *row = rowScores + r * row_stride();
      const int64_t at = (from + r) * heads + head;
      for (int64_t i = n; i < padded<T>(n); i++) row[i] = -T(__builtin_inf());
      if (!selector.half(row, n, scores + at * topK, found)) {
        note_first(&firstNan, at);
        continue;
      }
      for (int64_t t = 0; t < topK; t++) indices[at * topK + t] = found[t];
    }
  }
};

template <class T>
struct Merge {
  const T *half[2];
  const int64_t *index[2];
  int64_t queries, n, topK;
  T *scores;
  int64_t *slots;
  int32_t threads;
  int64_t firstWrong = kNone, firstNan = kNone;

  int64_t scratch_bytes() const {
    return Scratch::bytes<uint32_t>(n) + 2 * Scratch::bytes<uint32_t>(topK) + Selector<T>::scratch_bytes(n, topK);
  }

  int32_t run(int64_t *where) {
    const int64_t each = scratch_bytes();
    Scratch scratch;
    if (!scratch.allocate(threads * each)) return DM_NO_MEMORY;
    char *rest = scratch.take<char>(threads * each);
#pragma omp parallel num_threads(threads)
    {
      Scratch own;
      own.borrow(rest + omp_get_thread_num() * each);
      uint32_t *lastList = own.template take<uint32_t>(n);  // in which an index stood, counted from 1
      uint32_t *narrow[2] = {own.template take<uint32_t>(topK), own.template take<uint32_t>(topK)};
      Selector<T> selector;
      selector.take(own, n, topK);
      for (int64_t i = 0; i < n; i++) lastList[i] = 0;
      uint32_t list = 0;
#pragma omp for schedule(static)
      for (int64_t at = 0; at < queries; at++) {
        bool distinct = true;
        for (int h = 0; h < 2; h++) {
          if (++list == 0) {  // counted around
            for (int64_t i = 0; i < n; i++) lastList[i] = 0;
            list = 1;
          }
          distinct = narrowed(h, at, list, lastList, narrow[h]) && distinct;
        }
        const int64_t from = at * topK;
        if (distinct && !selector.merge(half[0] + from, narrow[0], half[1] + from, narrow[1], n, scores + from, slots + from)) {
          note_first(&firstNan, at);
        }
      }
    }
    if (firstWrong != kNone) {
      *where = firstWrong;
      return DM_OUT_OF_RANGE;
    }
    return nan_status(firstNan, where);
  }

  // The indices of one list as the selection takes them; false: one is out of range, or stands there twice.
  bool narrowed(int h, int64_t at, uint32_t list, uint32_t *lastList, uint32_t *to) {
    for (int64_t t = 0; t < topK; t++) {
      const int64_t i = index[h][at * topK + t];
      if (i < 0 || i >= n || lastList[i] == list) {
        note_first(&firstWrong, (h * queries + at) * topK + t);
        return false;
      }
      lastList[i] = list;
      to[t] = uint32_t(i);
    }
    return true;
  }
};

}  // namespace

template <class T>
int32_t half_topk(const T *query, int64_t queryStride, int64_t queryHeadStride, const T *keys, int64_t keysHeadStride,
                  int64_t batch, int64_t heads, int64_t n, int64_t length, int64_t topK, T *scores, int64_t *indices,
                  int32_t threads, int64_t *where) {
  return staged<T>(batch * heads * topK, scores, indices, [&](T *stagedScores, int64_t *stagedIndices) {
    HalfLookup<T> lookup{query, queryStride, queryHeadStride, keys, keysHeadStride, batch, heads, n, length, topK, stagedScores,
                         stagedIndices, most(threads, 1)};
    return lookup.run(where);
  });
}

template <class T>
int32_t merge_halves(const T *scores1, const int64_t *indices1, const T *scores2, const int64_t *indices2, int64_t queries,
                     int64_t n, int64_t topK, T *scores, int64_t *slots, int32_t threads, int64_t *where) {
  return staged<T>(queries * topK, scores, slots, [&](T *stagedScores, int64_t *stagedSlots) {
    Merge<T> merge{{scores1, scores2}, {indices1, indices2}, queries, n, topK, stagedScores, stagedSlots, most(threads, 1)};
    return merge.run(where);
  });
}

#define DM_INSTANCE(T)                                                                                                     \
  template int32_t half_topk<T>(const T *, int64_t, int64_t, const T *, int64_t, int64_t, int64_t, int64_t, int64_t,       \
                                int64_t, T *, int64_t *, int32_t, int64_t *);                                              \
  template int32_t merge_halves<T>(const T *, const int64_t *, const T *, const int64_t *, int64_t, int64_t, int64_t, T *, \
                                   int64_t *, int32_t, int64_t *);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

// Product-key lookup and its gradient.
//
//   u1[i] = <q1, K1[i]>, u2[j] = <q2, K2[j]>; the topK best of u1[i] + u2[j], slot = i*n + j
//
// Ladder: 1. all n*n sums (the oracle of the tests);
//         2. half scores, half top-k, then only rank pairs p*q <= topK (119 sums instead of 1024 at topK = 32);
//         3. (this) half scores of a block of queries stay in L2 until they are selected from; a query block and a head are
//            one task. Few queries: a head and a half are one task, keys are streamed, and whoever finishes the second half
//            of a head merges.
// Floors, per query and head: n*keySize multiply-adds; keys read once per query block; writes 2*topK values. Backward:
// 2*topK*keySize multiply-adds. All outputs: assigned, those of a lookup only when no score is NaN (they are staged: 12 bytes a result).
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
struct Lookup {
  const T *query, *subKeys;
  int64_t batch, heads, n, keySize, topK;
  T *scores;
  int64_t *slots;
  int32_t threads;
  int64_t firstNan = kNone;

  int64_t length() const { return keySize / 2; }
  const T *keys(int64_t head, int half) const { return subKeys + (head * 2 + half) * n * length(); }
  const T *query_half(int64_t b, int64_t head, int half) const {
    return query + (b * heads + head) * keySize + half * length();
  }
  int64_t row_stride() const { return padded<T>(n) + 64 / int64_t(sizeof(T)); }  // not a multiple of 4 KiB

  int32_t run(int64_t *where) {
    if (batch * heads == 0) return DM_OK;
    const bool done = batch < kTileRows ? streaming() : blocked();
    if (!done) return DM_NO_MEMORY;
    return nan_status(firstNan, where);
  }

  void pad(T *row) const {
    for (int64_t i = n; i < padded<T>(n); i++) row[i] = -T(__builtin_inf());
  }

  void merge(Selector<T> &selector, int64_t at, const T *values1, const uint32_t *indices1, const T *values2,
             const uint32_t *indices2) {
    if (!selector.merge(values1, indices1, values2, indices2, n, scores + at * topK, slots + at * topK)) {
      note_first(&firstNan, at);
    }
  }

  // Few queries: tasks (head, half).
  bool streaming() {
    const int64_t lists = heads * 2 * batch, each = scratch_streaming();
    Scratch scratch;
    if (!scratch.allocate(Scratch::bytes<int32_t>(2 * heads) + Scratch::bytes<T>(lists * topK) +
                          Scratch::bytes<uint32_t>(lists * topK) + threads * each)) {
      return false;
    }
    int32_t *state = scratch.take<int32_t>(2 * heads);  // halves finished, then: did one hold a NaN
    for (int64_t i = 0; i < 2 * heads; i++) state[i] = 0;
    T *values = scratch.take<T>(lists * topK);
    uint32_t *indices = scratch.take<uint32_t>(lists * topK);
    char *rest = scratch.take<char>(threads * each);
#pragma omp parallel num_threads(threads)
    {
      Scratch own;
      own.borrow(rest + omp_get_thread_num() * each);
      T *rows = own.template take<T>(batch * row_stride());
      Selector<T> selector;
      selector.take(own, n, topK);
#pragma omp for schedule(static)
      for (int64_t task = 0; task < 2 * heads; task++) {
        const int64_t head = task / 2;
        scores_streaming(keys(head, int(task % 2)), n, length(), query_half(0, head, int(task % 2)), heads * keySize, batch,
                         rows, row_stride());
        for (int64_t b = 0; b < batch; b++) {
          pad(rows + b * row_stride());
          const int64_t list = (task * batch + b) * topK;
          if (!selector.half(rows + b * row_stride(), n, values + list, indices + list)) {
            note_first(&firstNan, b * heads + head);
            __atomic_store_n(&state[heads + head], 1, __ATOMIC_RELAXED);
          }
        }
        if (__atomic_add_fetch(&state[head], 1, __ATOMIC_ACQ_REL) < 2) continue;
        if (__atomic_load_n(&state[heads + head], __ATOMIC_RELAXED)) continue;
        for (int64_t b = 0; b < batch; b++) {
          const int64_t one = (2 * head * batch + b) * topK, two = one + batch * topK;
          merge(selector, b * heads + head, values + one, indices + one, values + two, indices + two);
        }
      }
    }
    return true;
  }

  int64_t scratch_streaming() const {
    return Scratch::bytes<T>(batch * row_stride()) + Selector<T>::scratch_bytes(n, topK);
  }

  // Many queries: tasks (head, block of queries). The scores of a block take up about a third of L2, and there are at least
  // as many tasks as threads. The sums of a query do not depend on the block that it is in.
  int64_t block_rows() const {
    const int64_t fit = (320 << 10) / (row_stride() * int64_t(sizeof(T))), share = (batch * heads + threads - 1) / threads;
    return (least(most(least(fit, share), int64_t(1)), int64_t(96)) + kTileRows - 1) / kTileRows * kTileRows;
  }

  bool blocked() {
    const int64_t blocks = (batch + block_rows() - 1) / block_rows(), each = scratch_blocked();
    Scratch scratch;
    if (!scratch.allocate(threads * each)) return false;
    char *rest = scratch.take<char>(threads * each);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < heads * blocks; task++) {
      Scratch own;
      own.borrow(rest + omp_get_thread_num() * each);
      block(own, task / blocks, task % blocks * block_rows());
    }
    return true;
  }

  int64_t scratch_blocked() const {
    const int64_t rows = block_rows();
    return Scratch::bytes<T>(kDepth * kTileColumns<T>) + Scratch::bytes<T>(rows * length()) +
           Scratch::bytes<T>(rows * row_stride()) + 2 * Scratch::bytes<T>(rows * topK) +
           2 * Scratch::bytes<uint32_t>(rows * topK) + Scratch::bytes<char>(rows) + Selector<T>::scratch_bytes(n, topK);
  }

  void block(Scratch &own, int64_t head, int64_t from) {
    const int64_t rows = least(block_rows(), batch - from), tileRows = (rows + kTileRows - 1) / kTileRows * kTileRows;
    T *panel = own.take<T>(kDepth * kTileColumns<T>);
    T *tiles = own.take<T>(block_rows() * length());
    T *rowScores = own.take<T>(block_rows() * row_stride());
    T *values[2] = {own.take<T>(block_rows() * topK), own.take<T>(block_rows() * topK)};
    uint32_t *indices[2] = {own.take<uint32_t>(block_rows() * topK), own.take<uint32_t>(block_rows() * topK)};
    char *nan = own.take<char>(block_rows());
    for (int64_t r = 0; r < rows; r++) nan[r] = 0;
    Selector<T> selector;
    selector.take(own, n, topK);
    for (int half = 0; half < 2; half++) {
      pack_queries(query_half(from, head, half), heads * keySize, rows, length(), tiles);
      scores_blocked(tiles, tileRows, keys(head, half), n, length(), panel, rowScores, row_stride());
      for (int64_t r = 0; r < rows; r++) {
        pad(rowScores + r * row_stride());
        if (!selector.half(rowScores + r * row_stride(), n, values[half] + r * topK, indices[half] + r * topK)) nan[r] = 1;
      }
    }
    for (int64_t r = 0; r < rows; r++) {
      const int64_t at = (from + r) * heads + head, list = r * topK;
      if (nan[r]) {
        note_first(&firstNan, at);
      } else {
        merge(selector, at, values[0] + list, indices[0] + list, values[1] + list, indices[1] + list);
      }
    }
  }
};

}  // namespace

template <class T>
int32_t product_key_topk(const T *query, const T *subKeys, int64_t batch, int64_t heads, int64_t n, int64_t keySize,
                         int64_t topK, T *scores, int64_t *slots, int32_t threads, int64_t *where) {
  return staged<T>(batch * heads * topK, scores, slots, [&](T *stagedScores, int64_t *stagedSlots) {
    Lookup<T> lookup{query, subKeys, batch, heads, n, keySize, topK, stagedScores, stagedSlots, most(threads, 1)};
    return lookup.run(where);
  });
}

namespace {

template <class T>
int32_t select(const T *halfScores, int64_t queries, int64_t n, int64_t topK, T *scores, int64_t *slots, int32_t threads,
               int64_t *where) {
  const int64_t each = Scratch::bytes<T>(padded<T>(n)) + 2 * Scratch::bytes<T>(topK) + 2 * Scratch::bytes<uint32_t>(topK) +
                       Selector<T>::scratch_bytes(n, topK);
  Scratch scratch;
  if (!scratch.allocate(threads * each)) return DM_NO_MEMORY;
  char *rest = scratch.take<char>(threads * each);
  int64_t firstNan = kNone;
#pragma omp parallel num_threads(threads)
  {
    Scratch own;
    own.borrow(rest + omp_get_thread_num() * each);
    T *row = own.template take<T>(padded<T>(n));
    T *values[2] = {own.template take<T>(topK), own.template take<T>(topK)};
    uint32_t *indices[2] = {own.template take<uint32_t>(topK), own.template take<uint32_t>(topK)};
    Selector<T> selector;
    selector.take(own, n, topK);
    for (int64_t i = n; i < padded<T>(n); i++) row[i] = -T(__builtin_inf());
#pragma omp for schedule(static)
    for (int64_t at = 0; at < queries; at++) {
      bool fine = true;
      for (int half = 0; half < 2 && fine; half++) {
        __builtin_memcpy(row, halfScores + (at * 2 + half) * n, size_t(n) * sizeof(T));
        fine = selector.half(row, n, values[half], indices[half]);
      }
      fine = fine && selector.merge(values[0], indices[0], values[1], indices[1], n, scores + at * topK, slots + at * topK);
      if (!fine) note_first(&firstNan, at);
    }
  }
  return nan_status(firstNan, where);
}

}  // namespace

template <class T>
int32_t product_key_select(const T *halfScores, int64_t queries, int64_t n, int64_t topK, T *scores, int64_t *slots,
                           int32_t threads, int64_t *where) {
  return staged<T>(queries * topK, scores, slots, [&](T *stagedScores, int64_t *stagedSlots) {
    return select(halfScores, queries, n, topK, stagedScores, stagedSlots, most(threads, 1), where);
  });
}

namespace {

// One column tile of one half of one head: nobody else writes these columns, and the order of the sums is fixed.
template <class T>
void backward_tile(const T *query, const T *keys, const uint32_t *index, const T *scoreGradients, int64_t batch, int64_t heads,
                   int64_t n, int64_t keySize, int64_t topK, int64_t columns, T *queryGradients, T *keyGradients) {
  const int64_t length = keySize / 2;
  for (int64_t i = 0; i < n; i++) __builtin_memset(keyGradients + i * length, 0, size_t(columns) * sizeof(T));
  for (int64_t b = 0; b < batch; b++) {
    const T *q = query + b * heads * keySize;
    T *dq = queryGradients + b * heads * keySize;
    for (int64_t c = 0; c < columns; c++) dq[c] = 0;
    for (int64_t t = 0; t < topK; t++) {
      const int64_t i = index[b * heads * topK + t];
      const T ds = scoreGradients[b * heads * topK + t];
      const T *key = keys + i * length;
      T *dk = keyGradients + i * length;
#pragma GCC ivdep
      for (int64_t c = 0; c < columns; c++) {
        dq[c] += ds * key[c];
        dk[c] += ds * q[c];
      }
    }
  }
}

}  // namespace

template <class T>
int32_t product_key_topk_bp(const T *query, const T *subKeys, const int64_t *slots, const T *scoreGradients, int64_t batch,
                            int64_t heads, int64_t n, int64_t keySize, int64_t topK, T *queryGradients,
                            T *subKeyGradients, int32_t threads, int64_t *where) {
  threads = most(threads, 1);
  const int64_t picks = batch * heads * topK, length = keySize / 2;
  Scratch scratch;
  if (!scratch.allocate(2 * Scratch::bytes<uint32_t>(picks))) return DM_NO_MEMORY;
  uint32_t *index[2] = {scratch.take<uint32_t>(picks), scratch.take<uint32_t>(picks)};
  for (int64_t at = 0; at < picks; at++) {
    if (slots[at] < 0 || slots[at] >= n * n) {
      *where = at;
      return DM_OUT_OF_RANGE;
    }
    index[0][at] = uint32_t(slots[at]) / uint32_t(n);
    index[1][at] = uint32_t(slots[at]) % uint32_t(n);
  }
  const int64_t tile = 64, tiles = (length + tile - 1) / tile;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (int64_t task = 0; task < heads * 2 * tiles; task++) {
    const int64_t part = task / tiles, head = part / 2, half = part % 2, column = task % tiles * tile;
    const int64_t inQuery = head * keySize + half * length + column, inKeys = part * n * length + column;
    backward_tile(query + inQuery, subKeys + inKeys, index[half] + head * topK, scoreGradients + head * topK, batch, heads, n,
                  keySize, topK, least(tile, length - column), queryGradients + inQuery, subKeyGradients + inKeys);
  }
  return DM_OK;
}

#define DM_INSTANCE(T)                                                                                                    \
  template int32_t product_key_topk<T>(const T *, const T *, int64_t, int64_t, int64_t, int64_t, int64_t, T *, int64_t *, \
                                       int32_t, int64_t *);                                                               \
  template int32_t product_key_select<T>(const T *, int64_t, int64_t, int64_t, T *, int64_t *, int32_t, int64_t *);       \
  template int32_t product_key_topk_bp<T>(const T *, const T *, const int64_t *, const T *, int64_t, int64_t, int64_t,    \
                                          int64_t, int64_t, T *, T *, int32_t, int64_t *);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

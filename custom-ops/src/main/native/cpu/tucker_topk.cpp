// Tucker lookup and its gradient.
//
//   r[a,i] = <query[0,a], keys[0,a,i]>, c[e,j] likewise; filters choose topK rows and columns; the core scores their pairs
//   with keyEpsilon > 0, each is divided by sqrt(mean(keys[.,a,i]^2) + keyEpsilon)
//
// Ladder: 1. key scores of all sides and ranks to memory, then selection; 2. (this) the scores of one side of a block of
//         queries stay in L2 until its candidates are chosen from them; only the candidates' scores are kept.
//         Few queries: a head and a side are one task, keys are streamed; then a query is one task.
//         Normalisation is a factor of a score: the squares of keys are summed where they are transposed for a block of queries;
//         few queries read the keys once more, from the third cache. Normalised keys are not written.
// Floors, per query and head: 2*rank*n*keySize multiply-adds; keys are read once per block of queries. See tucker_select.h.
// Backward: 6*topK*rank*keySize multiply-adds. All outputs: assigned, those of a lookup only when no score is NaN.
#include <omp.h>

#include "../kernels.h"
#include "half_scores.h"
#include "inverse_rms.h"
#include "tier.h"
#include "tucker_select.h"

namespace dm {
namespace DM_TIER {
namespace {

constexpr int64_t kNoQuery = INT64_MAX;

void note_least(int64_t *first, int64_t at) {
  int64_t seen = __atomic_load_n(first, __ATOMIC_RELAXED);
  while (at < seen && !__atomic_compare_exchange_n(first, &seen, at, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

template <class T>
struct TuckerLookup {
  const T *query, *keys, *cores, *filters;
  double keyEpsilon;
  int64_t batch, heads, rank, coreCount, n, keySize, topK;
  T *scores;
  int64_t *slots;
  int32_t threads;
  int64_t firstNan = kNoQuery;

  int64_t stride() const { return padded<T>(n) + 64 / int64_t(sizeof(T)); }  // not a multiple of 4 KiB
  int64_t candidate_bytes() const { return Candidates<T>::bytes(rank, topK); }
  const T *matrix(int64_t head, int64_t side, int64_t a) const { return keys + ((head * 2 + side) * rank + a) * n * keySize; }
  const T *vector(int64_t b, int64_t head, int64_t side, int64_t a) const {
    return query + (((b * heads + head) * 2 + side) * rank + a) * keySize;
  }
  int64_t vector_stride() const { return heads * 2 * rank * keySize; }

  bool normalises() const { return keyEpsilon > 0; }

  // The scores of a line of n keys, by the inverse of the keys' root mean squares.
  void scale(T *row, const T *inverse) const {
    for (int64_t i = 0; i < n; i++) row[i] *= inverse[i];
  }

  bool candidates(TuckerSelector<T> &selector, const T *rows, int64_t rowStride, int64_t b, int64_t head, int64_t side,
                  char *found) {
    const Candidates<T> candidates = Candidates<T>::of(found, topK);
    if (selector.candidates(rows, rowStride, filters + (head * 2 + side) * rank, candidates)) return true;
    note_least(&firstNan, b * heads + head);
    return false;
  }

  void merge(TuckerSelector<T> &selector, int64_t b, int64_t head, char *rows, char *columns) {
    const int64_t at = b * heads + head;
    if (!selector.merge(Candidates<T>::of(rows, topK), Candidates<T>::of(columns, topK), cores + head * coreCount * rank * rank,
                        scores + at * topK * coreCount, slots + at * topK)) {
      note_least(&firstNan, at);
    }
  }

  int64_t selector_bytes() const { return TuckerSelector<T>::scratch_bytes(rank, n, topK); }

  // Few queries: tasks (head, side), then tasks (query, head).
  bool streaming() {
    const int64_t lists = batch * heads * 2, each = Scratch::bytes<T>(rank * stride()) + selector_bytes();
    Scratch scratch;
    const int64_t lines = normalises() ? heads * 2 * rank : 0;
    if (!scratch.allocate(Scratch::bytes<T>(lines * n) + lists * candidate_bytes() + Scratch::bytes<char>(lists) +
                          threads * each)) {
      return false;
    }
    T *inverse = scratch.take<T>(lines * n);
    inverse_rms(keys, lines * n, keySize, keyEpsilon, inverse, threads);
    char *found = scratch.take<char>(lists * candidate_bytes()), *fine = scratch.take<char>(lists);
    char *rest = scratch.take<char>(threads * each);
#pragma omp parallel num_threads(threads)
    {
      Scratch own;
      own.borrow(rest + omp_get_thread_num() * each);
      T *rows = own.template take<T>(rank * stride());
      TuckerSelector<T> selector;
      selector.take(own, rank, coreCount, n, topK);
#pragma omp for schedule(dynamic)
      for (int64_t task = 0; task < heads * 2 * batch; task++) {
        const int64_t b = task % batch, head = task / batch / 2, side = task / batch % 2, list = (b * heads + head) * 2 + side;
        for (int64_t a = 0; a < rank; a++) {
          scores_streaming(matrix(head, side, a), n, keySize, vector(b, head, side, a), 0, 1, rows + a * stride(), stride());
          if (normalises()) scale(rows + a * stride(), inverse + ((head * 2 + side) * rank + a) * n);
        }
        fine[list] = candidates(selector, rows, stride(), b, head, side, found + list * candidate_bytes());
      }
#pragma omp for schedule(dynamic)
      for (int64_t at = 0; at < batch * heads; at++) {
        char *one = found + 2 * at * candidate_bytes();
        if (fine[2 * at] && fine[2 * at + 1]) merge(selector, at / heads, at % heads, one, one + candidate_bytes());
      }
    }
    return true;
  }

  // Many queries: tasks (head, block of queries).
  int64_t block_rows() const {
    const int64_t fit = (512 << 10) / (rank * stride() * int64_t(sizeof(T))), share = (batch * heads + threads - 1) / threads;
    return (least(most(least(fit, share), int64_t(1)), int64_t(96)) + kTileRows - 1) / kTileRows * kTileRows;
  }

  int64_t block_bytes() const {
    const int64_t rows = block_rows();
    return Scratch::bytes<T>(kDepth * kTileColumns<T>) + Scratch::bytes<T>(rows * keySize) + Scratch::bytes<T>(stride()) +
           Scratch::bytes<T>(rank * rows * stride()) + 2 * rows * candidate_bytes() + Scratch::bytes<char>(rows) +
           selector_bytes();
  }

  bool blocked() {
    const int64_t blocks = (batch + block_rows() - 1) / block_rows(), each = block_bytes();
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

  void block(Scratch &own, int64_t head, int64_t from) {
    const int64_t rows = least(block_rows(), batch - from), tileRows = (rows + kTileRows - 1) / kTileRows * kTileRows;
    T *panel = own.take<T>(kDepth * kTileColumns<T>);
    T *tiles = own.take<T>(block_rows() * keySize);
    T *inverse = own.take<T>(stride());
    T *keyScores = own.take<T>(rank * block_rows() * stride());
    char *found = own.take<char>(2 * block_rows() * candidate_bytes()), *fine = own.take<char>(block_rows());
    TuckerSelector<T> selector;
    selector.take(own, rank, coreCount, n, topK);
    for (int64_t r = 0; r < rows; r++) fine[r] = 1;
    for (int64_t side = 0; side < 2; side++) {
      for (int64_t a = 0; a < rank; a++) {  // scores of rank a of query r: keyScores[(r*rank + a)*stride]
        pack_queries(vector(from, head, side, a), vector_stride(), rows, keySize, tiles);
        scores_blocked(tiles, tileRows, matrix(head, side, a), n, keySize, panel, keyScores + a * stride(), rank * stride(),
                       normalises() ? inverse : nullptr);
        if (!normalises()) continue;
        for (int64_t i = 0; i < n; i++) inverse[i] = inverse_root(inverse[i], keySize, keyEpsilon);
        for (int64_t r = 0; r < rows; r++) scale(keyScores + (r * rank + a) * stride(), inverse);
      }
      for (int64_t r = 0; r < rows; r++) {
        char *list = found + (2 * r + side) * candidate_bytes();
        if (!candidates(selector, keyScores + r * rank * stride(), stride(), from + r, head, side, list)) fine[r] = 0;
      }
    }
    for (int64_t r = 0; r < rows; r++) {
      char *one = found + 2 * r * candidate_bytes();
      if (fine[r]) merge(selector, from + r, head, one, one + candidate_bytes());
    }
  }

  // From given key scores [batch, heads, 2, rank, n].
  bool selection(const T *keyScores) {
    const int64_t each = 2 * candidate_bytes() + selector_bytes();
    Scratch scratch;
    if (!scratch.allocate(threads * each)) return false;
    char *rest = scratch.take<char>(threads * each);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t at = 0; at < batch * heads; at++) {
      Scratch own;
      own.borrow(rest + omp_get_thread_num() * each);
      char *found = own.template take<char>(2 * candidate_bytes());
      TuckerSelector<T> selector;
      selector.take(own, rank, coreCount, n, topK);
      bool fine = true;
      for (int64_t side = 0; side < 2 && fine; side++) {
        fine = candidates(selector, keyScores + (2 * at + side) * rank * n, n, at / heads, at % heads, side,
                          found + side * candidate_bytes());
      }
      if (fine) merge(selector, at / heads, at % heads, found, found + candidate_bytes());
    }
    return true;
  }
};

// Runs a lookup into scratch memory and hands its results over only if it ends well.
template <class T, class Run>
int32_t handed_over(TuckerLookup<T> lookup, int64_t *where, Run run) {
  const int64_t results = lookup.batch * lookup.heads * lookup.topK, all = results * lookup.coreCount;
  if (results == 0) return DM_OK;
  T *scores = lookup.scores;
  int64_t *slots = lookup.slots;
  Scratch scratch;
  if (!scratch.allocate(Scratch::bytes<T>(all) + Scratch::bytes<int64_t>(results))) return DM_NO_MEMORY;
  lookup.scores = scratch.take<T>(all);
  lookup.slots = scratch.take<int64_t>(results);
  if (!run(lookup)) return DM_NO_MEMORY;
  if (lookup.firstNan != kNoQuery) {
    *where = lookup.firstNan;
    return DM_NAN;
  }
  __builtin_memcpy(scores, lookup.scores, size_t(all) * sizeof(T));
  __builtin_memcpy(slots, lookup.slots, size_t(results) * sizeof(int64_t));
  return DM_OK;
}

}  // namespace

template <class T>
int32_t tucker_topk(const T *query, const T *keys, const T *cores, const T *filters, double keyEpsilon, int64_t batch,
                    int64_t heads, int64_t rank, int64_t coreCount, int64_t n, int64_t keySize, int64_t topK, T *scores,
                    int64_t *slots, int32_t threads, int64_t *where) {
  return handed_over(TuckerLookup<T>{query, keys, cores, filters, keyEpsilon, batch, heads, rank, coreCount, n, keySize, topK,
                                     scores, slots, most(threads, 1)},
                     where, [](TuckerLookup<T> &lookup) {
                       return lookup.batch < kTileRows ? lookup.streaming() : lookup.blocked();
                     });
}

template <class T>
int32_t tucker_select(const T *keyScores, const T *cores, const T *filters, int64_t batch, int64_t heads, int64_t rank,
                      int64_t coreCount, int64_t n, int64_t topK, T *scores, int64_t *slots, int32_t threads, int64_t *where) {
  return handed_over(TuckerLookup<T>{nullptr, nullptr, cores, filters, 0, batch, heads, rank, coreCount, n, 0, topK, scores,
                                     slots, most(threads, 1)},
                     where, [=](TuckerLookup<T> &lookup) { return lookup.selection(keyScores); });
}

namespace {

template <class T>
struct TuckerGradient {
  const T *query, *keys, *cores, *scoreGradients;
  int64_t batch, heads, rank, coreCount, n, keySize, topK;
  const uint32_t *index[2];  // [batch, heads, topK]
  T *keyScores, *keyGradients;  // [2 * rank][batch, heads, topK]: scores of the keys found, and their gradients

  int64_t picks() const { return batch * heads * topK; }

  // The scores of query `at` = batch*heads + head, and their gradients.
  void scores(int64_t at) const {
    const int64_t head = at % heads;
    for (int64_t line = 0; line < 2 * rank; line++) {
      const T *q = query + (at * 2 * rank + line) * keySize, *matrix = keys + (head * 2 * rank + line) * n * keySize;
      for (int64_t pick = at * topK; pick < (at + 1) * topK; pick++) {
        keyScores[line * picks() + pick] = dot(q, matrix + index[line / rank][pick] * keySize, keySize);
      }
    }
    for (int64_t pick = at * topK; pick < (at + 1) * topK; pick++) {
      for (int64_t line = 0; line < 2 * rank; line++) keyGradients[line * picks() + pick] = 0;
      for (int64_t a = 0; a < rank; a++) {
        for (int64_t e = 0; e < rank; e++) {
          T weighted = 0;
          for (int64_t c = 0; c < coreCount; c++) {
            weighted += scoreGradients[pick * coreCount + c] * cores[((head * coreCount + c) * rank + a) * rank + e];
          }
          keyGradients[a * picks() + pick] += weighted * keyScores[(rank + e) * picks() + pick];
          keyGradients[(rank + e) * picks() + pick] += weighted * keyScores[a * picks() + pick];
        }
      }
    }
  }

  // The gradient of element (head, c, a, e) of the cores.
  T core(int64_t element) const {
    const int64_t e = element % rank, a = element / rank % rank, c = element / rank / rank % coreCount;
    const int64_t head = element / rank / rank / coreCount;
    double total = 0;
    for (int64_t b = 0; b < batch; b++) {
      const int64_t from = (b * heads + head) * topK;
      for (int64_t pick = from; pick < from + topK; pick++) {
        total += double(scoreGradients[pick * coreCount + c]) * double(keyScores[a * picks() + pick]) *
                 double(keyScores[(rank + e) * picks() + pick]);
      }
    }
    return T(total);
  }

  // Columns [column, column + columns) of one head and line: nobody else writes them, and the order of the sums is fixed.
  void tile(int64_t head, int64_t line, int64_t column, int64_t columns, T *queryOut, T *keysOut) const {
    const int64_t matrix = (head * 2 * rank + line) * n * keySize + column;
    const uint32_t *at = index[line / rank];
    for (int64_t i = 0; i < n; i++) __builtin_memset(keysOut + matrix + i * keySize, 0, size_t(columns) * sizeof(T));
    for (int64_t b = 0; b < batch; b++) {
      const int64_t first = (b * heads + head) * topK, vector = ((b * heads + head) * 2 * rank + line) * keySize + column;
      const T *q = query + vector;
      T *dq = queryOut + vector;
      for (int64_t c = 0; c < columns; c++) dq[c] = 0;
      for (int64_t pick = first; pick < first + topK; pick++) {
        const T g = keyGradients[line * picks() + pick];
        const T *key = keys + matrix + at[pick] * keySize;
        T *dk = keysOut + matrix + at[pick] * keySize;
#pragma GCC ivdep
        for (int64_t c = 0; c < columns; c++) {
          dq[c] += g * key[c];
          dk[c] += g * q[c];
        }
      }
    }
  }
};

}  // namespace

template <class T>
int32_t tucker_topk_bp(const T *query, const T *keys, const T *cores, const int64_t *slots, const T *scoreGradients,
                       int64_t batch, int64_t heads, int64_t rank, int64_t coreCount, int64_t n, int64_t keySize, int64_t topK,
                       T *queryGradients, T *keyGradients, T *coreGradients, int32_t threads, int64_t *where) {
  threads = most(threads, 1);
  const int64_t picks = batch * heads * topK;
  Scratch scratch;
  if (!scratch.allocate(2 * Scratch::bytes<uint32_t>(picks) + 2 * Scratch::bytes<T>(2 * rank * picks))) return DM_NO_MEMORY;
  uint32_t *index[2] = {scratch.take<uint32_t>(picks), scratch.take<uint32_t>(picks)};
  for (int64_t at = 0; at < picks; at++) {
    if (slots[at] < 0 || slots[at] >= n * n) {
      *where = at;
      return DM_OUT_OF_RANGE;
    }
    index[0][at] = uint32_t(slots[at]) / uint32_t(n);
    index[1][at] = uint32_t(slots[at]) % uint32_t(n);
  }
  T *keyScores = scratch.take<T>(2 * rank * picks), *scoresOut = scratch.take<T>(2 * rank * picks);
  const TuckerGradient<T> gradient{query, keys, cores, scoreGradients, batch, heads, rank, coreCount, n, keySize, topK,
                                   {index[0], index[1]}, keyScores, scoresOut};
  const int64_t columns = 64, tiles = (keySize + columns - 1) / columns;
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(static)
    for (int64_t at = 0; at < batch * heads; at++) gradient.scores(at);
#pragma omp for schedule(static) nowait
    for (int64_t element = 0; element < heads * coreCount * rank * rank; element++) {
      coreGradients[element] = gradient.core(element);
    }
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < heads * 2 * rank * tiles; task++) {
      const int64_t matrix = task / tiles, column = task % tiles * columns;
      gradient.tile(matrix / (2 * rank), matrix % (2 * rank), column, least(columns, keySize - column), queryGradients,
                    keyGradients);
    }
  }
  return DM_OK;
}

#define DM_INSTANCE(T)                                                                                                       \
  template int32_t tucker_topk<T>(const T *, const T *, const T *, const T *, double, int64_t, int64_t, int64_t, int64_t, int64_t,   \
                                  int64_t, int64_t, T *, int64_t *, int32_t, int64_t *);                                     \
  template int32_t tucker_select<T>(const T *, const T *, const T *, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,   \
                                    T *, int64_t *, int32_t, int64_t *);                                                     \
  template int32_t tucker_topk_bp<T>(const T *, const T *, const T *, const int64_t *, const T *, int64_t, int64_t, int64_t, \
                                     int64_t, int64_t, int64_t, int64_t, T *, T *, T *, int32_t, int64_t *);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

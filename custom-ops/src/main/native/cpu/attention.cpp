// Causal attention of each token to the first tokens, to separators, and to its last `window` tokens, and its gradient.
//
//   out[i] = sum over visible j of p[i,j] values[j],  p[i,.] = softmax over visible j of <query[i], keys[j]> / sqrt(headSize)
//   visible: j <= i, j no padding, and (j among the first `initial` tokens that are no padding, or a separator, or i - j < window)
//
// Ladder: 1. a time x time mask: all scores are formed, because separators leave no block of the mask empty;
//         2. (this) separators are gathered into a dense list, so that scores are formed for kept keys only: tiles of 24
//            queries x 96 keys in the first cache, one softmax over all of them as they come (Milakov and Gimelshein 2018,
//            arXiv 1805.02867); backward forms the probabilities again from the logarithm of their sum (Dao et al. 2022,
//            arXiv 2205.14135, section 3.1).
// Floors: forward 4 * headSize operations a visible pair, backward 10. Memory: keys and values of a head a thread, packed.
#include <omp.h>

#include "../kernels.h"
#include "attention_head.h"
#include "exp.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

DM_INLINE float root_of(float x) { return __builtin_sqrtf(x); }
DM_INLINE double root_of(double x) { return __builtin_sqrt(x); }

constexpr double kHidden = -__builtin_inf();

template <class T>
DM_INLINE T largest(const T *row, int64_t count, T atLeast) {
  Vec<T> best = splat(atLeast);
  for (int64_t c = 0; c < count; c += kLanes<T>) best = larger(load(row + c), best);
  T result = best[0];
  for (int i = 1; i < kLanes<T>; i++) result = best[i] > result ? best[i] : result;
  return result;
}

// row = e^(row - shift); returns the sum.
template <class T>
DM_INLINE T exponentials(T *row, int64_t count, T shift) {
  Vec<T> total = {};
  for (int64_t c = 0; c < count; c += kLanes<T>) {
    const Vec<T> e = exp_of<T>(load(row + c) - splat(shift));
    store(row + c, e);
    total += e;
  }
  return sum<T>(total);
}

// ------------------------------------------------------------------------------------------------------------- forward

template <class T>
class Forward {
 public:
  static int64_t bytes(const AttentionSizes &sizes) {
    const int64_t width = whole_tiles<T>(sizes.headSize);
    return AttentionHead<T>::bytes(sizes) + Block<T>::bytes(width) + Scratch::bytes<T>(kQueries * kKeys) +
           Scratch::bytes<T>(kQueries * width);
  }

  Forward(const AttentionSizes &sizes, Scratch &scratch) : head(sizes, scratch), sizes_(sizes) {
    queries_.take(scratch, head.width());
    scores_ = scratch.take<T>(kQueries * kKeys);
    sums_ = scratch.take<T>(kQueries * head.width());
  }

  // out rows and logSums [time] of queries [first, first + count).
  void block(Rows<const T> query, int64_t first, int64_t count, Rows<T> out, T *logSums) {
    queries_.pack(query, first, count, sizes_.headSize, T(1) / root_of(T(sizes_.headSize)));
    for (int64_t r = 0; r < kQueries; r++) {
      top_[r] = T(kHidden);
      total_[r] = 0;
    }
    for (int64_t c = 0; c < kQueries * head.width(); c++) sums_[c] = 0;
    head.for_each_tile(first, count, [&](const KeyList<T> &list, int64_t at, int64_t keys, const auto &hide) {
      queries_.times(list.keys.panels + at * head.width(), keys, scores_);
      for (int64_t r = 0; r < kQueries; r++) {
        hide(r, scores_ + r * kKeys);
        soften(r, whole_tiles<T>(keys));
      }
      add_product(scores_, kKeys, int64_t(1), list.values.rows + at * head.width(), keys, kQueries, head.width(), sums_);
    });
    for (int64_t r = 0; r < count; r++) finish(r, head.is_padding(first + r), out.at(first + r), logSums + first + r);
  }

  AttentionHead<T> head;

 private:
  // Scores become e^(score - the largest so far), and what was summed before is brought to the same largest.
  DM_INLINE void soften(int64_t r, int64_t columns) {
    T *row = scores_ + r * kKeys;
    const T best = largest(row, columns, top_[r]);
    const T shift = best == T(kHidden) ? T(0) : best;  // nothing visible yet
    const T correction = exp_of<T>(splat(top_[r] - shift))[0];
    total_[r] = total_[r] * correction + exponentials(row, columns, shift);
    top_[r] = best;
    if (correction == T(1)) return;
    T *sums = sums_ + r * head.width();
    for (int64_t c = 0; c < head.width(); c += kLanes<T>) store(sums + c, load(sums + c) * splat(correction));
  }

  // A token of padding sees nothing: zeros, and a sum of which every probability is zero.
  void finish(int64_t r, bool padding, T *out, T *logSum) const {
    const T share = T(1) / total_[r];
    for (int64_t c = 0; c < sizes_.headSize; c++) out[c] = padding ? T(0) : sums_[r * head.width() + c] * share;
    *logSum = padding ? T(-kHidden) : top_[r] + T(log_of(double(total_[r])));
  }

  const AttentionSizes &sizes_;
  Block<T> queries_;
  T *scores_, *sums_;
  T top_[kQueries], total_[kQueries];
};

// ------------------------------------------------------------------------------------------------------------ backward

// Gradients of the keys and values of a list.
template <class T>
struct ListGradient {
  T *keys = nullptr, *values = nullptr;

  static int64_t bytes(int64_t count, int64_t width) { return 2 * Packed<T>::bytes(count, width); }

  void take(Scratch &scratch, int64_t count, int64_t width) {
    keys = scratch.take<T>(Packed<T>::room(count) * width);
    values = scratch.take<T>(Packed<T>::room(count) * width);
  }

  void clear(int64_t count, int64_t width) {
    for (int64_t c = 0; c < Packed<T>::room(count) * width; c++) keys[c] = values[c] = 0;
  }
};

template <class T>
class Backward {
 public:
  static int64_t bytes(const AttentionSizes &sizes) {
    const int64_t width = whole_tiles<T>(sizes.headSize);
    return AttentionHead<T>::bytes(sizes) + 2 * ListGradient<T>::bytes(sizes.time, width) + 2 * Block<T>::bytes(width) +
           2 * Scratch::bytes<T>(kQueries * kKeys) + Scratch::bytes<T>(kQueries * width);
  }

  Backward(const AttentionSizes &sizes, Scratch &scratch) : head(sizes, scratch), sizes_(sizes) {
    band_.take(scratch, sizes.time, head.width());
    gathered_.take(scratch, sizes.time, head.width());
    queries_.take(scratch, head.width());
    outGradients_.take(scratch, head.width());
    p_ = scratch.take<T>(kQueries * kKeys);
    d_ = scratch.take<T>(kQueries * kKeys);
    queryGradients_ = scratch.take<T>(kQueries * head.width());
  }

  void clear() {
    band_.clear(sizes_.time, head.width());
    gathered_.clear(head.gathered.count, head.width());
  }

  // queryGradients of a block, and what it adds to the gradients of keys and values.
  void block(Rows<const T> query, Rows<const T> out, Rows<const T> outGradient, const T *logSums, int64_t first, int64_t count,
             Rows<T> queryGradient) {
    const T factor = T(1) / root_of(T(sizes_.headSize));
    const int64_t width = head.width();
    queries_.pack(query, first, count, sizes_.headSize, factor);
    outGradients_.pack(outGradient, first, count, sizes_.headSize, T(1));
    for (int64_t r = 0; r < kQueries; r++) {
      logSum_[r] = r < count ? logSums[first + r] : T(-kHidden);
      along_[r] = 0;
      for (int64_t c = 0; c < sizes_.headSize && r < count; c++) along_[r] += out.at(first + r)[c] * outGradient.at(first + r)[c];
    }
    for (int64_t c = 0; c < kQueries * width; c++) queryGradients_[c] = 0;
    head.for_each_tile(first, count, [&](const KeyList<T> &list, int64_t at, int64_t keys, const auto &hide) {
      queries_.times(list.keys.panels + at * width, keys, p_);
      outGradients_.times(list.values.panels + at * width, keys, d_);
      for (int64_t r = 0; r < kQueries; r++) {
        hide(r, p_ + r * kKeys);
        probabilities(r, whole_tiles<T>(keys));
      }
      const ListGradient<T> &gradient = &list == &head.band ? band_ : gathered_;
      const int64_t rows = (keys + kTileRows - 1) / kTileRows * kTileRows;
      add_product(p_, int64_t(1), kKeys, outGradients_.rows, kQueries, rows, width, gradient.values + at * width);
      add_product(d_, int64_t(1), kKeys, queries_.rows, kQueries, rows, width, gradient.keys + at * width);
      add_product(d_, kKeys, int64_t(1), list.keys.rows + at * width, keys, kQueries, width, queryGradients_);
    });
    for (int64_t r = 0; r < count; r++) {
      pad_row(queryGradients_ + r * width, sizes_.headSize, sizes_.headSize, factor, queryGradient.at(first + r));
    }
  }

  // Gradients of all keys and values: of the band, and of the gathered ones where they stand.
  void finish(Rows<T> keyGradients, Rows<T> valueGradients) const {
    const int64_t width = head.width();
    for (int64_t i = 0; i < sizes_.time; i++) {
      pad_row(band_.keys + i * width, sizes_.headSize, sizes_.headSize, T(1), keyGradients.at(i));
      pad_row(band_.values + i * width, sizes_.headSize, sizes_.headSize, T(1), valueGradients.at(i));
    }
    for (int64_t g = 0; g < head.gathered.count; g++) {
      T *keys = keyGradients.at(head.position(g)), *values = valueGradients.at(head.position(g));
      for (int64_t c = 0; c < sizes_.headSize; c++) {
        keys[c] += gathered_.keys[g * width + c];
        values[c] += gathered_.values[g * width + c];
      }
    }
  }

  AttentionHead<T> head;

 private:
  // p = e^(score - logSum), d = p (d - along); zeros behind, up to whole tiles of rows.
  DM_INLINE void probabilities(int64_t r, int64_t columns) {
    T *p = p_ + r * kKeys, *d = d_ + r * kKeys;
    exponentials(p, columns, logSum_[r]);
    for (int64_t c = 0; c < columns; c += kLanes<T>) store(d + c, load(p + c) * (load(d + c) - splat(along_[r])));
    for (int64_t c = columns; c < least(kKeys, columns + kTileRows); c++) p[c] = d[c] = 0;
  }

  const AttentionSizes &sizes_;
  ListGradient<T> band_, gathered_;
  Block<T> queries_, outGradients_;
  T *p_, *d_, *queryGradients_;
  T logSum_[kQueries], along_[kQueries];
};

}  // namespace

template <class T>
int32_t separator_attention(const T *query, const T *keys, const T *values, const int8_t *kinds, int64_t batch, int64_t time,
                            int64_t heads, int64_t keyValueHeads, int64_t headSize, int64_t initial, int64_t window, T *out,
                            T *logSums, int32_t threads) {
  if (batch * time == 0) return DM_OK;
  const AttentionSizes sizes{batch, time, heads, keyValueHeads, headSize, initial, least(window, time)};
  threads = most(threads, 1);
  const int64_t units = batch * keyValueHeads, bytes = Forward<T>::bytes(sizes);
  // Few heads: several threads take blocks of one, each with its own packed copy of the keys.
  const int64_t parts = units >= 2 * threads ? 1 : (2 * threads + units - 1) / units;
  Scratch all;
  if (!all.allocate(threads * bytes)) return DM_NO_MEMORY;
  char *room = all.take<char>(threads * bytes);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int64_t task = 0; task < units * parts; task++) {
    Scratch mine;
    mine.borrow(room + omp_get_thread_num() * bytes);
    const int64_t b = task / parts / keyValueHeads, group = task / parts % keyValueHeads, part = task % parts;
    Forward<T> forward(sizes, mine);
    forward.head.pack(keys, values, kinds, b, group, false);
    for (int64_t h = group * sizes.headsOfGroup(); h < (group + 1) * sizes.headsOfGroup(); h++) {
      for (int64_t block = part; block < sizes.blocks(); block += parts) {
        const int64_t first = block * kQueries;
        forward.block(sizes.rows(query, b, h, heads), first, least(kQueries, time - first), sizes.rows(out, b, h, heads),
                      logSums + (b * heads + h) * time);
      }
    }
  }
  return DM_OK;
}

template <class T>
int32_t separator_attention_bp(const T *query, const T *keys, const T *values, const int8_t *kinds, const T *out, const T *logSums,
                               const T *outGradients, int64_t batch, int64_t time, int64_t heads, int64_t keyValueHeads,
                               int64_t headSize, int64_t initial, int64_t window, T *queryGradients, T *keyGradients,
                               T *valueGradients, int32_t threads) {
  if (batch * time == 0) return DM_OK;
  const AttentionSizes sizes{batch, time, heads, keyValueHeads, headSize, initial, least(window, time)};
  threads = most(threads, 1);
  const int64_t bytes = Backward<T>::bytes(sizes);
  Scratch all;
  if (!all.allocate(threads * bytes)) return DM_NO_MEMORY;
  char *room = all.take<char>(threads * bytes);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int64_t task = 0; task < batch * keyValueHeads; task++) {
    Scratch mine;
    mine.borrow(room + omp_get_thread_num() * bytes);
    const int64_t b = task / keyValueHeads, group = task % keyValueHeads;
    Backward<T> backward(sizes, mine);
    backward.head.pack(keys, values, kinds, b, group, true);
    backward.clear();
    for (int64_t h = group * sizes.headsOfGroup(); h < (group + 1) * sizes.headsOfGroup(); h++) {
      for (int64_t first = 0; first < time; first += kQueries) {
        backward.block(sizes.rows(query, b, h, heads), sizes.rows(out, b, h, heads), sizes.rows(outGradients, b, h, heads),
                       logSums + (b * heads + h) * time, first, least(kQueries, time - first),
                       sizes.rows(queryGradients, b, h, heads));
      }
    }
    backward.finish(sizes.rows(keyGradients, b, group, keyValueHeads), sizes.rows(valueGradients, b, group, keyValueHeads));
  }
  return DM_OK;
}

#define DM_INSTANCE(T)                                                                                                        \
  template int32_t separator_attention<T>(const T *, const T *, const T *, const int8_t *, int64_t, int64_t, int64_t, int64_t, \
                                          int64_t, int64_t, int64_t, T *, T *, int32_t);                                      \
  template int32_t separator_attention_bp<T>(const T *, const T *, const T *, const int8_t *, const T *, const T *, const T *, \
                                             int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, T *, T *, T *,    \
                                             int32_t);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

// Attention of one token to a cache of keys and values: a token and a number of keys for each example, all heads.
//
//   out[h] = sum over j < count of p[j] values[j],   p = softmax over j of <query[h], keys[j]> / sqrt(headSize)
//
// With a rotary table, key j is turned to position j as it is read, and the query to position count - 1.
//
// Ladder: 1. a product with all keys a head: the heads of a group read the same keys again;
//         2. a turned copy of the keys beside the plain ones: half as much memory again, and where each step evicts a key
//            (StreamingLLM), all of it written at each step;
//         3. (this) keys are turned in registers, between their load and their product with up to four heads of the group. The
//            table comes from the second cache, and is the same for all heads and examples. Rows that several heads share are
//            asked for ahead: four heads over keys and values from memory took 1.7 times as long without.
// Floor: the keys and values that count are read once.
// No scratch memory: the query, turned and scaled, stands in `out` until the values are summed there.
#include <omp.h>

#include "../kernels.h"
#include "exp.h"
#include "tier.h"

namespace dm {
namespace DM_TIER {
namespace {

constexpr int64_t kBlock = 64;                // keys or values that all heads of a group meet before the next ones
constexpr int kSums = 8;                      // accumulators: heads * keys of a tile
constexpr int64_t kBytesOfThread = 1 << 20;   // of keys and values: below, a further thread costs more than it saves
constexpr int64_t kAhead = 2048;              // bytes between a row and the one that is asked for meanwhile

// Keys and values of an example and key-value head, and what belongs to its heads.
template <class T>
struct Cached {
  const T *keys, *values, *cosines, *sines;
  int64_t count, headSize, half;  // half of the features that turn
  T *weights;                     // of the first head
  int64_t weightStep;
  T *out;                         // of the first head
};

template <class T>
DM_INLINE T scale_of(int64_t headSize) {
  return T(1) / T(__builtin_sqrt(double(headSize)));
}

// to = factor * query, turned to a position.
template <class T>
void turn_query(const Cached<T> &c, const T *query, T *to) {
  const T factor = scale_of<T>(c.headSize);
  const T *cosine = c.cosines + (c.count - 1) * c.half, *sine = c.sines + (c.count - 1) * c.half;
  for (int64_t i = 0; i < c.half; i++) {
    const T x = query[i] * factor, y = query[i + c.half] * factor;
    to[i] = x * cosine[i] - y * sine[i];
    to[i + c.half] = y * cosine[i] + x * sine[i];
  }
  for (int64_t i = 2 * c.half; i < c.headSize; i++) to[i] = query[i] * factor;
}

// Scores of kHeads heads, from one on, with kKeys keys, from one on.
template <class T, int kHeads, int kKeys>
DM_INLINE void score(const Cached<T> &c, int64_t head, int64_t key) {
  constexpr int pairs = kHeads * kKeys;
  const T *rows = c.keys + key * c.headSize, *queries = c.out + head * c.headSize;
  const T *cosines = c.cosines + key * c.half, *sines = c.sines + key * c.half;
  Vec<T> sum[pairs] = {};
  T rest[pairs] = {};
  int64_t i = 0;
  for (; i + kLanes<T> <= c.half; i += kLanes<T>) {
#pragma GCC unroll 8
    for (int k = 0; k < kKeys; k++) {
      const T *row = rows + k * c.headSize + i;
      const Vec<T> x = load(row), y = load(row + c.half);
      const Vec<T> cosine = load(cosines + k * c.half + i), sine = load(sines + k * c.half + i);
      const Vec<T> turnedX = x * cosine - y * sine, turnedY = y * cosine + x * sine;
#pragma GCC unroll 4
      for (int h = 0; h < kHeads; h++) {
        const T *query = queries + h * c.headSize + i;
        sum[h * kKeys + k] += load(query) * turnedX + load(query + c.half) * turnedY;
      }
    }
  }
  for (; i < c.half; i++) {
    for (int k = 0; k < kKeys; k++) {
      const T x = rows[k * c.headSize + i], y = rows[k * c.headSize + i + c.half];
      const T cosine = cosines[k * c.half + i], sine = sines[k * c.half + i];
      for (int h = 0; h < kHeads; h++) {
        const T *query = queries + h * c.headSize + i;
        rest[h * kKeys + k] += query[0] * (x * cosine - y * sine) + query[c.half] * (y * cosine + x * sine);
      }
    }
  }
  for (i = 2 * c.half; i + kLanes<T> <= c.headSize; i += kLanes<T>) {
#pragma GCC unroll 8
    for (int k = 0; k < kKeys; k++) {
      const Vec<T> x = load(rows + k * c.headSize + i);
#pragma GCC unroll 4
      for (int h = 0; h < kHeads; h++) sum[h * kKeys + k] += load(queries + h * c.headSize + i) * x;
    }
  }
  for (; i < c.headSize; i++) {
    for (int k = 0; k < kKeys; k++) {
      for (int h = 0; h < kHeads; h++) rest[h * kKeys + k] += queries[h * c.headSize + i] * rows[k * c.headSize + i];
    }
  }
  T total[pairs];
  if constexpr (pairs % kLanes<T> == 0) {
    for (int p = 0; p < pairs; p += kLanes<T>) store(total + p, sums(sum + p));
  } else {
    for (int p = 0; p < pairs; p++) total[p] = dm::DM_TIER::sum<T>(sum[p]);
  }
  for (int h = 0; h < kHeads; h++) {
    for (int k = 0; k < kKeys; k++) c.weights[(head + h) * c.weightStep + key + k] = total[h * kKeys + k] + rest[h * kKeys + k];
  }
}

// Asks for so many rows that come later. Heads that share rows take long over each: the processor alone does not ask.
template <class T>
DM_INLINE void ask(const Cached<T> &c, const T *row, int64_t rows) {
  prefetch_read(row + kAhead / int64_t(sizeof(T)), rows * c.headSize * int64_t(sizeof(T)));
}

// Of kHeads heads, from one on, with keys [from, to).
template <class T, int kHeads>
void scores(const Cached<T> &c, int64_t head, int64_t from, int64_t to) {
  constexpr int keys = kSums / kHeads;
  int64_t key = from;
  for (; key + keys <= to; key += keys) {
    if (kHeads > 1 && head == 0) ask(c, c.keys + key * c.headSize, keys);
    score<T, kHeads, keys>(c, head, key);
  }
  for (; key < to; key++) score<T, kHeads, 1>(c, head, key);
}

// row = softmax of row.
template <class T>
void softmax(T *row, int64_t count) {
  const T hidden = -__builtin_inf();
  T last[kLanes<T>];  // the last, incomplete vector
  const int64_t whole = count / kLanes<T> * kLanes<T>;
  for (int i = 0; i < kLanes<T>; i++) last[i] = whole + i < count ? row[whole + i] : hidden;
  Vec<T> best = load(last);
  for (int64_t j = 0; j < whole; j += kLanes<T>) best = larger(load(row + j), best);
  T top = best[0];
  for (int i = 1; i < kLanes<T>; i++) top = best[i] > top ? best[i] : top;
  const Vec<T> shift = splat(top);
  Vec<T> total = exp_of<T>(load(last) - shift);
  store(last, total);
  for (int64_t j = 0; j < whole; j += kLanes<T>) {
    const Vec<T> e = exp_of<T>(load(row + j) - shift);
    store(row + j, e);
    total += e;
  }
  const T share = T(1) / sum<T>(total);
  for (int64_t j = 0; j < whole; j += kLanes<T>) store(row + j, load(row + j) * splat(share));
  for (int64_t j = whole; j < count; j++) row[j] = last[j - whole] * share;
}

// Columns [column, column + kVectors vectors) of the outs of kHeads heads += their weights of values [from, to).
template <class T, int kHeads, int kVectors>
DM_INLINE void add_columns(const Cached<T> &c, int64_t head, int64_t from, int64_t to, int64_t column) {
  const bool first = kHeads > 1 && head == 0 && column == 0;
  Vec<T> sum[kHeads][kVectors];
#pragma GCC unroll 4
  for (int h = 0; h < kHeads; h++) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; v++) sum[h][v] = load(c.out + (head + h) * c.headSize + column + v * kLanes<T>);
  }
  for (int64_t j = from; j < to; j++) {
    const T *row = c.values + j * c.headSize + column;
    if (first) ask(c, row, 1);
    Vec<T> weight[kHeads];
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; h++) weight[h] = splat(c.weights[(head + h) * c.weightStep + j]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; v++) {
      const Vec<T> value = load(row + v * kLanes<T>);
#pragma GCC unroll 4
      for (int h = 0; h < kHeads; h++) sum[h][v] += weight[h] * value;
    }
  }
#pragma GCC unroll 4
  for (int h = 0; h < kHeads; h++) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; v++) store(c.out + (head + h) * c.headSize + column + v * kLanes<T>, sum[h][v]);
  }
}

template <class T, int kHeads>
void add_values(const Cached<T> &c, int64_t head, int64_t from, int64_t to) {
  constexpr int vectors = kSums / kHeads;
  int64_t column = 0;
  for (; column + vectors * kLanes<T> <= c.headSize; column += vectors * kLanes<T>) {
    add_columns<T, kHeads, vectors>(c, head, from, to, column);
  }
  for (; column + kLanes<T> <= c.headSize; column += kLanes<T>) add_columns<T, kHeads, 1>(c, head, from, to, column);
  for (; column < c.headSize; column++) {
    for (int h = 0; h < kHeads; h++) {
      T sum = c.out[(head + h) * c.headSize + column];
      for (int64_t j = from; j < to; j++) sum += c.weights[(head + h) * c.weightStep + j] * c.values[j * c.headSize + column];
      c.out[(head + h) * c.headSize + column] = sum;
    }
  }
}

// All heads of a group with a block of keys, or of values: four at a time.
template <class T>
void block_scores(const Cached<T> &c, int64_t group, int64_t from, int64_t to) {
  int64_t head = 0;
  for (; head + 4 <= group; head += 4) scores<T, 4>(c, head, from, to);
  for (; head + 2 <= group; head += 2) scores<T, 2>(c, head, from, to);
  for (; head < group; head++) scores<T, 1>(c, head, from, to);
}

template <class T>
void block_values(const Cached<T> &c, int64_t group, int64_t from, int64_t to) {
  int64_t head = 0;
  for (; head + 4 <= group; head += 4) add_values<T, 4>(c, head, from, to);
  for (; head + 2 <= group; head += 2) add_values<T, 2>(c, head, from, to);
  for (; head < group; head++) add_values<T, 1>(c, head, from, to);
}

// The heads of a group; query: of its first.
template <class T>
void attend(const Cached<T> &c, int64_t group, const T *query) {
  if (c.count > 0) {
    for (int64_t h = 0; h < group; h++) turn_query(c, query + h * c.headSize, c.out + h * c.headSize);
  }
  for (int64_t from = 0; from < c.count; from += kBlock) block_scores(c, group, from, least(from + kBlock, c.count));
  for (int64_t h = 0; h < group && c.count > 0; h++) softmax(c.weights + h * c.weightStep, c.count);
  for (int64_t i = 0; i < group * c.headSize; i++) c.out[i] = T(0);
  for (int64_t from = 0; from < c.count; from += kBlock) block_values(c, group, from, least(from + kBlock, c.count));
}

}  // namespace

template <class T>
int32_t decode_attention(const T *query, const T *keys, const T *values, const int64_t *counts, const T *cosines, const T *sines,
                         int64_t batch, int64_t heads, int64_t keyValueHeads, int64_t capacity, int64_t headSize, int64_t rotary,
                         T *weights, T *out, int32_t threads) {
  const int64_t group = heads / keyValueHeads, tasks = batch * keyValueHeads;
  int64_t kept = 0;
  for (int64_t b = 0; b < batch; b++) kept += counts[b];
  const int64_t bytes = 2 * kept * keyValueHeads * headSize * int64_t(sizeof(T));
  const int64_t paying = most(int64_t(1), least(least(int64_t(threads), tasks), bytes / kBytesOfThread));
#pragma omp parallel for num_threads(int(paying)) schedule(dynamic, 1) if (paying > 1)
  for (int64_t task = 0; task < tasks; task++) {
    const int64_t b = task / keyValueHeads, head = b * heads + task % keyValueHeads * group;
    const int64_t at = task * capacity * headSize;
    const Cached<T> cached{keys + at, values + at, cosines, sines, counts[b], headSize, rotary / 2,
                           weights + head * capacity, capacity, out + head * headSize};
    attend(cached, group, query + head * headSize);
  }
  return DM_OK;
}

#define DM_INSTANCE(T)                                                                                                      \
  template int32_t decode_attention<T>(const T *, const T *, const T *, const int64_t *, const T *, const T *, int64_t,     \
                                       int64_t, int64_t, int64_t, int64_t, int64_t, T *, T *, int32_t);
DM_INSTANCE(float)
DM_INSTANCE(double)

}  // namespace DM_TIER
}  // namespace dm

// Exact, deterministic top-k of one row, and of the rank pairs of two sorted halves.
//
// Ladder: 1. sort the whole row: n log n compares.
//         2. (this) a threshold that at least k values reach: the k-th largest of 2k group maxima; a vector compare leaves about
//            1.4 k survivors; those are ranked by counting, without branches.
// Order everywhere: value descending, then tag ascending (-0 equals +0). NaN anywhere: no result.
// Floors for n = 1024, k = 32: the row is read twice from L1/L2 (2 n values), about 4 n/8 + 1000 vector operations.
#pragma once
#include "scratch.h"
#include "simd.h"

namespace dm {
namespace DM_TIER {

// A value and its tag as one integer: a smaller key is a better candidate.
__extension__ typedef __int128 int128;
template <class T>
struct KeyOf;
template <>
struct KeyOf<float> {
  typedef int64_t type;
  static constexpr int64_t kWorst = INT64_MAX;
  static DM_INLINE int64_t make(float x, uint32_t tag) {
    x += 0.0f;  // -0 -> +0
    int32_t b;
    __builtin_memcpy(&b, &x, 4);
    int32_t ascending = b ^ int32_t(uint32_t(b >> 31) >> 1);
    return int64_t(uint64_t(uint32_t(~ascending)) << 32 | tag);
  }
  static DM_INLINE uint32_t tag(int64_t key) { return uint32_t(uint64_t(key)); }
  static DM_INLINE float value(int64_t key) {
    int32_t ascending = ~int32_t(uint32_t(uint64_t(key) >> 32));
    int32_t b = ascending ^ int32_t(uint32_t(ascending >> 31) >> 1);
    float x;
    __builtin_memcpy(&x, &b, 4);
    return x;
  }
};
template <>
struct KeyOf<double> {
  typedef int128 type;
  static DM_INLINE int128 make(double x, uint32_t tag) {
    x += 0.0;
    int64_t b;
    __builtin_memcpy(&b, &x, 8);
    int64_t ascending = b ^ int64_t(uint64_t(b >> 63) >> 1);
    return int128(~ascending) * (int128(1) << 32) + tag;
  }
  static DM_INLINE uint32_t tag(int128 key) { return uint32_t(uint64_t(key)); }
  static DM_INLINE double value(int128 key) {
    int64_t ascending = ~int64_t(key >> 32);
    int64_t b = ascending ^ int64_t(uint64_t(ascending >> 63) >> 1);
    double x;
    __builtin_memcpy(&x, &b, 8);
    return x;
  }
};

template <class T>
constexpr int kBlockVectors = kLanes<T> > 8 ? 64 / kLanes<T> : 8;  // a block's comparisons fit 64 bits
template <class T>
constexpr int64_t kBlock = kBlockVectors<T> * kLanes<T>;  // rows are padded with -inf to a multiple of this

template <class T>
DM_INLINE int64_t padded(int64_t count) {
  return (count + kBlock<T> - 1) / kBlock<T> * kBlock<T>;
}

// How many rank pairs (p, q), counted from 1, have p*q <= k.
inline int64_t rank_pairs(int64_t k) {
  int64_t pairs = 0;
  for (int64_t p = 1; p <= k; p++) pairs += k / p;
  return pairs;
}

// The integer that a comparison of T yields in each lane.
template <class T>
struct LaneOf;
template <>
struct LaneOf<float> {
  typedef int32_t type;
};
template <>
struct LaneOf<double> {
  typedef int64_t type;
};

template <class T>
class Selector {
  typedef typename KeyOf<T>::type Key;
  typedef typename LaneOf<T>::type Lane;

 public:
  static int64_t scratch_bytes(int64_t n, int64_t k) {
    int64_t most_values = most(padded<T>(n), padded<T>(rank_pairs(k)));
    return Scratch::bytes<uint32_t>(most_values) + 2 * Scratch::bytes<Key>(most_values + 64) +
           Scratch::bytes<T>(groups(k)) + Scratch::bytes<T>(padded<T>(rank_pairs(k))) +
           Scratch::bytes<uint32_t>(padded<T>(rank_pairs(k)));
  }

  void take(Scratch &scratch, int64_t n, int64_t k) {
    k_ = k;
    pairs_ = rank_pairs(k);
    int64_t most_values = most(padded<T>(n), padded<T>(pairs_));
    survivors_ = scratch.take<uint32_t>(most_values);
    keys_ = scratch.take<Key>(most_values + 64);
    spare_ = scratch.take<Key>(most_values + 64);
    maxima_ = scratch.take<T>(groups(k));
    pairSums_ = scratch.take<T>(padded<T>(pairs_));
    pairSlots_ = scratch.take<uint32_t>(padded<T>(pairs_));
  }

  // Best k of one row of half scores (padded with -inf): their values and indices, best first. False: a value is NaN.
  bool half(const T *row, int64_t n, T *values, uint32_t *indices) {
    if (!best(row, nullptr, n)) return false;
    for (int64_t r = 0; r < k_; r++) {
      indices[r] = KeyOf<T>::tag(keys_[r]);
      values[r] = row[indices[r]];
    }
    return true;
  }

  // Positions of the best k of one row of n values (padded with -inf), ascending. False: a value is NaN.
  bool members(const T *row, int64_t n, uint32_t *indices) {
    if (!best(row, nullptr, n)) return false;
    if (tied_) return ascending(indices);
    const Key last = keys_[k_ - 1];
    for (int64_t s = 0, found = 0; found < k_; s++) {  // survivors stand by position
      if (KeyOf<T>::make(row[survivors_[s]], survivors_[s]) <= last) indices[found++] = survivors_[s];
    }
    return true;
  }

  // Positions of the best k of count values (padded with -inf), best first. False: a value is NaN.
  bool positions(const T *values, int64_t count, uint32_t *at) {
    if (!best(values, nullptr, count)) return false;
    for (int64_t r = 0; r < k_; r++) at[r] = KeyOf<T>::tag(keys_[r]);
    return true;
  }

  // Best k of all n*n sums, from the two sorted halves. False: a sum is NaN (infinities of both signs meet).
  bool merge(const T *__restrict values1, const uint32_t *__restrict indices1, const T *__restrict values2,
             const uint32_t *__restrict indices2, int64_t n, T *scores, int64_t *slots) {
    // Rank pairs by their smaller rank d: (d, d..k/d) and (d+1..k/d, d). Few long loops instead of k short ones.
    int64_t c = 0;
    for (int64_t d = 0; (d + 1) * (d + 1) <= k_; d++) {
      const int64_t ranks = k_ / (d + 1);
      const uint32_t row = indices1[d] * uint32_t(n), column = indices2[d];  // n <= 65536: every slot is below 2^32
      for (int64_t q = d; q < ranks; q++, c++) {
        pairSums_[c] = values1[d] + values2[q];
        pairSlots_[c] = row + indices2[q];
      }
      for (int64_t p = d + 1; p < ranks; p++, c++) {
        pairSums_[c] = values1[p] + values2[d];
        pairSlots_[c] = indices1[p] * uint32_t(n) + column;
      }
    }
    for (; c < padded<T>(pairs_); c++) pairSums_[c] = -T(__builtin_inf());
    if (!best(pairSums_, pairSlots_, pairs_)) return false;
    for (int64_t r = 0; r < k_; r++) {
      const uint32_t slot = KeyOf<T>::tag(keys_[r]);
      slots[r] = slot;
      scores[r] = KeyOf<T>::value(keys_[r]);
      if (scores[r] == T(0)) scores[r] = sum_of(slot, n, values1, indices1, values2, indices2);
    }
    return true;
  }

 private:
  bool ascending(uint32_t *indices) const {
    for (int64_t i = 0; i < k_; i++) {
      const uint32_t index = KeyOf<T>::tag(keys_[i]);
      int64_t j = i;
      for (; j > 0 && index < indices[j - 1]; j--) indices[j] = indices[j - 1];
      indices[j] = index;
    }
    return true;
  }

  static int64_t groups(int64_t k) { return padded<T>(2 * k); }

  // A key holds no sign of zero: the sum is formed again.
  T sum_of(uint32_t slot, int64_t n, const T *values1, const uint32_t *indices1, const T *values2,
           const uint32_t *indices2) const {
    int64_t p = 0, q = 0;
    while (indices1[p] != slot / uint32_t(n)) p++;
    while (indices2[q] != slot % uint32_t(n)) q++;
    return values1[p] + values2[q];
  }

  // keys_[0..k) = the best k of values, sorted. tags == nullptr: the tag is the position.
  bool best(const T *values, const uint32_t *tags, int64_t count) {
    T threshold = -T(__builtin_inf());
    const int64_t groupCount = groups(k_);
    const bool filter = count >= groupCount + groupCount / 2;
    if (!group_maxima(values, count, groupCount)) return false;
    if (filter) threshold = kth_maximum(groupCount);
    int64_t survivors = collect<false>(values, count, threshold);
    tied_ = false;
    if (!tags && survivors > 4 * k_ + 64) {  // many ties at the threshold: only the first of them can be chosen
      survivors = collect<true>(values, count, threshold);
      tied_ = survivors < k_;
      if (tied_) survivors = add_ties(values, count, threshold, survivors);
    }
    for (int64_t s = 0; s < survivors; s++) {
      const uint32_t at = survivors_[s];
      keys_[s] = KeyOf<T>::make(values[at], tags ? tags[at] : at);
    }
    sort(survivors);
    return true;
  }

  // maxima_[g] = the largest of values[g], values[g + groups], ...; false when any value is NaN.
  bool group_maxima(const T *values, int64_t count, int64_t groupCount) {
    const int64_t end = padded<T>(count);
    Mask<T> nan = {};
    for (int64_t tile = 0; tile < groupCount; tile += kBlock<T>) {
      Vec<T> top[kBlockVectors<T>];
      for (int j = 0; j < kBlockVectors<T>; j++) top[j] = splat(-T(__builtin_inf()));
      for (int64_t at = tile; at < end; at += groupCount) {
        for (int j = 0; j < kBlockVectors<T>; j++) {
          Vec<T> x = load(values + at + j * kLanes<T>);
          nan |= (x != x);
          top[j] = larger(top[j], x);
        }
      }
      for (int j = 0; j < kBlockVectors<T>; j++) store(maxima_ + tile + j * kLanes<T>, top[j]);
    }
    return bits(nan) == 0;
  }

  // The k-th largest of the group maxima: at least k values of the row are not below it.
  T kth_maximum(int64_t groupCount) {
    if (groupCount > 256) {
      for (int64_t g = 0; g < groupCount; g++) keys_[g] = KeyOf<T>::make(maxima_[g], uint32_t(g));
      sort(groupCount);
      return KeyOf<T>::value(keys_[k_ - 1]);
    }
    // A value that fewer than k others exceed is at least the k-th; the least of those is the k-th. Four vectors of values at
    // a time against every value, so that no sum across lanes is needed.
    Vec<T> least_of = splat(T(__builtin_inf()));
    for (int64_t at = 0; at < groupCount; at += 4 * kLanes<T>) {
      Vec<T> x[4];
      Mask<T> above[4] = {};
      for (int j = 0; j < 4; j++) x[j] = load(maxima_ + at + j * kLanes<T>);
      for (int64_t g = 0; g < groupCount; g++) {
        const Vec<T> other = splat(maxima_[g]);
        for (int j = 0; j < 4; j++) above[j] -= (other > x[j]);
      }
      for (int j = 0; j < 4; j++) {
        const Mask<T> chosen = (above[j] < Mask<T>{} + Lane(k_)) & (x[j] < least_of);
        least_of = chosen ? x[j] : least_of;
      }
    }
    T kth = least_of[0];
    for (int j = 1; j < kLanes<T>; j++) kth = least(kth, T(least_of[j]));
    return kth;
  }

  // Positions of the values >= threshold (strict: > threshold), ascending, to survivors_; returns how many.
  template <bool strict>
  int64_t collect(const T *values, int64_t count, T threshold) {
    const Vec<T> wide = splat(threshold);
    int64_t found = 0;
    for (int64_t at = 0; at < count; at += kBlock<T>) {
      uint64_t set = 0;
      for (int j = 0; j < kBlockVectors<T>; j++) {
        Vec<T> x = load(values + at + j * kLanes<T>);
        set |= uint64_t(bits(strict ? Mask<T>(x > wide) : Mask<T>(x >= wide))) << (j * kLanes<T>);
      }
      if (count - at < kBlock<T>) set &= (uint64_t(1) << (count - at)) - 1;
      for (; set; set &= set - 1) survivors_[found++] = uint32_t(at + __builtin_ctzll(set));
    }
    return found;
  }

  int64_t add_ties(const T *values, int64_t count, T threshold, int64_t found) {
    for (int64_t at = 0; found < k_ && at < count; at++) {
      if (values[at] == threshold) survivors_[found++] = uint32_t(at);
    }
    return found;
  }

  // Sorts keys_[0..count) ascending.
  void sort(int64_t count) {
    if constexpr (sizeof(Key) == 8) {
      if (count <= 192) {
        rank_sort(keys_, spare_, count);
        Key *sorted = spare_;
        spare_ = keys_;
        keys_ = sorted;
        return;
      }
    }
    merge_sort(count);
  }

  // Keys are distinct, so the number of smaller keys is the position: count, without a branch.
  static void rank_sort(int64_t *keys, int64_t *sorted, int64_t count) {
    typedef int64_t Wide __attribute__((vector_size(kVectorBytes)));
    constexpr int lanes = kVectorBytes / 8;
    for (int j = 0; j < 4 * lanes; j++) keys[count + j] = INT64_MAX;
    for (int64_t at = 0; at < count; at += 4 * lanes) {
      Wide key[4], rank[4] = {};
      __builtin_memcpy(key, keys + at, sizeof key);
      for (int64_t i = 0; i < count; i++) {
        const Wide other = Wide{} + keys[i];
        for (int j = 0; j < 4; j++) rank[j] -= (Wide)(other < key[j]);
      }
      int64_t position[4 * lanes];
      __builtin_memcpy(position, rank, sizeof position);
      const int64_t here = least(count - at, int64_t(4 * lanes));
      for (int64_t j = 0; j < here; j++) sorted[position[j]] = keys[at + j];
    }
  }

  // Insertion-sorted runs of 16, then merged.
  void merge_sort(int64_t count) {
    for (int64_t from = 0; from < count; from += 16) {
      const int64_t to = least(from + 16, count);
      for (int64_t i = from + 1; i < to; i++) {
        Key key = keys_[i];
        int64_t j = i;
        for (; j > from && key < keys_[j - 1]; j--) keys_[j] = keys_[j - 1];
        keys_[j] = key;
      }
    }
    Key *from = keys_, *into = spare_;
    for (int64_t run = 16; run < count; run *= 2) {
      for (int64_t left = 0; left < count; left += 2 * run) {
        const int64_t middle = least(left + run, count), right = least(left + 2 * run, count);
        int64_t a = left, b = middle;
        for (int64_t out = left; out < right; out++) {
          const bool first = b >= right || (a < middle && from[a] < from[b]);
          into[out] = first ? from[a] : from[b];
          a += first;
          b += !first;
        }
      }
      Key *swap = from;
      from = into;
      into = swap;
    }
    keys_ = from;
    spare_ = into;
  }

  int64_t k_ = 0, pairs_ = 0;
  bool tied_ = false;  // survivors_ ends in ties that were added
  uint32_t *survivors_ = nullptr, *pairSlots_ = nullptr;
  Key *keys_ = nullptr, *spare_ = nullptr;
  T *maxima_ = nullptr, *pairSums_ = nullptr;
};

}  // namespace DM_TIER
}  // namespace dm

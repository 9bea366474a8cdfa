// The selection of a Tucker lookup: candidates of a side by filtered score, then the best of rows x columns by the whole core.
//
// Every product is rounded before it is added (no FMA), and sums run from rank 0 up: the same bits on every tier and in Java.
// Ladder: 1. all topK*topK scores of the core by double loops; 2. (this) core times column scores once a column, then rank
//         multiply-adds a candidate, a vector of columns at a time. Candidates stand by index: so the position in the grid
//         orders equal scores as the slot does, and Selector serves.
// Floors, per query: 2*rank*n multiply-adds and 2*rank*n values read from L2 for the filters; rank*topK*topK multiply-adds.
#pragma once
#include "scratch.h"
#include "select.h"
#include "simd.h"

namespace dm {
namespace DM_TIER {

// A product that is rounded: the barrier keeps it out of a fused multiply-add.
template <class V>
DM_INLINE V rounded_product(V x, V y) {
  return __builtin_assoc_barrier(x * y);
}

// The candidates of one side of one query.
template <class T>
struct Candidates {
  uint32_t *indices;  // [topK], ascending
  T *scores;          // [rank][wide]

  static int64_t bytes(int64_t rank, int64_t topK) {
    return Scratch::bytes<uint32_t>(topK) + Scratch::bytes<T>(rank * wide(topK));
  }
  static int64_t wide(int64_t topK) { return (topK + kLanes<T> - 1) / kLanes<T> * kLanes<T>; }
  static Candidates of(char *block, int64_t topK) {
    return {reinterpret_cast<uint32_t *>(block), reinterpret_cast<T *>(block + Scratch::bytes<uint32_t>(topK))};
  }
};

template <class T>
class TuckerSelector {
 public:
  static int64_t scratch_bytes(int64_t rank, int64_t n, int64_t k) {
    return Scratch::bytes<T>(padded<T>(n)) + Scratch::bytes<T>(rank * Candidates<T>::wide(k)) +
           Scratch::bytes<T>(padded<T>(k * k) + kLanes<T>) + Scratch::bytes<uint32_t>(k) + Scratch::bytes<T>(rank * rank) +
           Selector<T>::scratch_bytes(most(n, k * k), k);
  }

  void take(Scratch &scratch, int64_t rank, int64_t coreCount, int64_t n, int64_t k) {
    rank_ = rank, coreCount_ = coreCount, n_ = n, k_ = k;
    filtered_ = scratch.take<T>(padded<T>(n));
    right_ = scratch.take<T>(rank * Candidates<T>::wide(k));
    grid_ = scratch.take<T>(padded<T>(k * k) + kLanes<T>);
    best_ = scratch.take<uint32_t>(k);
    sum_ = scratch.take<T>(rank * rank);
    selector_.take(scratch, most(n, k * k), k);
  }

  // From key scores rows[a*stride + i] of one side. False: a filtered score is NaN.
  bool candidates(const T *rows, int64_t stride, const T *filter, Candidates<T> found) {
    int64_t i = 0;
    for (; i + kLanes<T> <= n_; i += kLanes<T>) {
      Vec<T> t = rounded_product(splat(filter[0]), load(rows + i));
      for (int64_t a = 1; a < rank_; a++) t += rounded_product(splat(filter[a]), load(rows + a * stride + i));
      store(filtered_ + i, t);
    }
    for (; i < n_; i++) {
      T t = rounded_product(filter[0], rows[i]);
      for (int64_t a = 1; a < rank_; a++) t += rounded_product(filter[a], rows[a * stride + i]);
      filtered_[i] = t;
    }
    for (; i < padded<T>(n_); i++) filtered_[i] = -T(__builtin_inf());
    if (!selector_.members(filtered_, n_, found.indices)) return false;
    const int64_t wide = Candidates<T>::wide(k_);
    for (int64_t a = 0; a < rank_; a++) {
      for (int64_t p = 0; p < k_; p++) found.scores[a * wide + p] = rows[a * stride + found.indices[p]];
      for (int64_t p = k_; p < wide; p++) found.scores[a * wide + p] = 0;
    }
    return true;
  }

  // The best of rows x columns: scores [topK, coreCount], slots [topK]. cores [coreCount, rank, rank]. False: a score is NaN.
  bool merge(Candidates<T> rows, Candidates<T> columns, const T *cores, T *scores, int64_t *slots) {
    const int64_t wide = Candidates<T>::wide(k_), square = rank_ * rank_;
    for (int64_t s = 0; s < square; s++) {
      sum_[s] = cores[s];
      for (int64_t c = 1; c < coreCount_; c++) sum_[s] += cores[c * square + s];
    }
    for (int64_t a = 0; a < rank_; a++) form(sum_ + a * rank_, 1, columns.scores, wide, right_ + a * wide);
    for (int64_t p = 0; p < k_; p++) form(rows.scores + p, wide, right_, wide, grid_ + p * k_);  // the next row overwrites the excess
    for (int64_t at = k_ * k_; at < padded<T>(k_ * k_); at++) grid_[at] = -T(__builtin_inf());
    if (!selector_.positions(grid_, k_ * k_, best_)) return false;
    bool numbers = true;
    for (int64_t r = 0; r < k_; r++) {
      const int64_t p = best_[r] / k_, q = best_[r] % k_;
      slots[r] = int64_t(rows.indices[p]) * n_ + columns.indices[q];
      for (int64_t c = 0; c < coreCount_; c++) {
        const T score = of_core(cores + c * square, rows.scores + p, columns.scores + q, wide);
        numbers &= score == score;
        scores[r * coreCount_ + c] = score;
      }
    }
    return numbers;
  }

 private:
  // out[q] = sum over a of x[a*step] * lines[a*wide + q], q < wide.
  void form(const T *x, int64_t step, const T *lines, int64_t wide, T *out) const {
    for (int64_t q = 0; q < wide; q += kLanes<T>) {
      Vec<T> sum = rounded_product(splat(x[0]), load(lines + q));
      for (int64_t a = 1; a < rank_; a++) sum += rounded_product(splat(x[a * step]), load(lines + a * wide + q));
      store(out + q, sum);
    }
  }

  T of_core(const T *core, const T *row, const T *column, int64_t wide) const {
    T score = 0;
    for (int64_t a = 0; a < rank_; a++) {
      T right = rounded_product(core[a * rank_], column[0]);
      for (int64_t e = 1; e < rank_; e++) right += rounded_product(core[a * rank_ + e], column[e * wide]);
      const T product = rounded_product(row[a * wide], right);
      score = a == 0 ? product : score + product;
    }
    return score;
  }

  int64_t rank_ = 0, coreCount_ = 0, n_ = 0, k_ = 0;
  T *filtered_ = nullptr, *right_ = nullptr, *grid_ = nullptr, *sum_ = nullptr;
  uint32_t *best_ = nullptr;
  Selector<T> selector_;
};

}  // namespace DM_TIER
}  // namespace dm

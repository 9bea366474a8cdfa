// What every lookup does with its results: the first query with a NaN is named, and nothing is written unless all is well.
#pragma once
#include "../kernels.h"
#include "scratch.h"

namespace dm {
namespace DM_TIER {

constexpr int64_t kNone = INT64_MAX;

inline void note_first(int64_t *first, int64_t at) {
  int64_t seen = __atomic_load_n(first, __ATOMIC_RELAXED);
  while (at < seen && !__atomic_compare_exchange_n(first, &seen, at, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

inline int32_t nan_status(int64_t first, int64_t *where) {
  if (first == kNone) return DM_OK;
  *where = first;
  return DM_NAN;
}

// Runs a lookup into scratch memory and hands its results over only if it ends well.
template <class T, class Into>
int32_t staged(int64_t results, T *scores, int64_t *slots, Into lookup) {
  Scratch scratch;
  if (!scratch.allocate(Scratch::bytes<T>(results) + Scratch::bytes<int64_t>(results))) return DM_NO_MEMORY;
  T *stagedScores = scratch.take<T>(results);
  int64_t *stagedSlots = scratch.take<int64_t>(results);
  const int32_t status = lookup(stagedScores, stagedSlots);
  if (status == DM_OK && results > 0) {
    __builtin_memcpy(scores, stagedScores, size_t(results) * sizeof(T));
    __builtin_memcpy(slots, stagedSlots, size_t(results) * sizeof(int64_t));
  }
  return status;
}

}  // namespace DM_TIER
}  // namespace dm

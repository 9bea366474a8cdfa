// The dot product of two runs of values.
#pragma once
#include "simd.h"

namespace dm {
namespace DM_TIER {

template <class T>
DM_INLINE T dot(const T *x, const T *y, int64_t length) {
  Vec<T> sums[2] = {};
  int64_t c = 0;
  for (; c + 2 * kLanes<T> <= length; c += 2 * kLanes<T>) {
    sums[0] += load(x + c) * load(y + c);
    sums[1] += load(x + c + kLanes<T>) * load(y + c + kLanes<T>);
  }
  T all = sum<T>(Vec<T>(sums[0] + sums[1]));
  for (; c < length; c++) all += x[c] * y[c];
  return all;
}

}  // namespace DM_TIER
}  // namespace dm

// Random bits of (seed, row, column), without state: those of RowBits.java, whose head says how and why.
#pragma once
#include "simd.h"

namespace dm {
namespace DM_TIER {

class RowBits {
 public:
  DM_INLINE RowBits(uint64_t seed, int64_t row) {
    const uint64_t key = mix(mix(seed + kGolden) + uint64_t(row) * kGolden);
    low_ = uint32_t(key);
    high_ = uint32_t(key >> 32);
  }

  DM_INLINE uint32_t at(int64_t column) const {
    uint32_t x = uint32_t(column) + low_;
    x = (x ^ x >> 16) * 0x7FEB352Du + high_;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    return x ^ x >> 16;
  }

 private:
  static constexpr uint64_t kGolden = 0x9E3779B97F4A7C15u;

  static DM_INLINE uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
  }

  uint32_t low_, high_;
};

}  // namespace DM_TIER
}  // namespace dm

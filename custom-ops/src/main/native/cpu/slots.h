// The check of slots, compiled once for all tiers.
#pragma once
#include <cstdint>

namespace dm {

// First position whose slot is outside [0, slotCount), or INT64_MAX.
int64_t first_outside(const int64_t *slots, int64_t count, int64_t slotCount, int32_t threads);

}  // namespace dm

// The permutation of virtual slots: rounds of invertible steps on the bits of the smallest power of two that holds them,
// again while the result is not a virtual slot (fewer than two times on the average). No table, no memory.
#include "../kernels.h"
#include "slots.h"

namespace {

constexpr int kRounds = 4;

uint64_t mixed(uint64_t z) {  // the finaliser of splitmix64
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

struct Permutation {
  uint64_t count, mask, add[kRounds], factor[kRounds];
  int shift;

  Permutation(uint64_t size, int64_t seed) : count(size) {
    const int bits = count <= 1 ? 0 : 64 - __builtin_clzll(count - 1);
    mask = bits == 0 ? 0 : ~uint64_t(0) >> (64 - bits);
    shift = bits / 2 + 1;
    uint64_t state = uint64_t(seed);
    for (int r = 0; r < kRounds; r++) {
      add[r] = mixed(state += 0x9E3779B97F4A7C15u);
      factor[r] = mixed(state += 0x9E3779B97F4A7C15u) | 1;
    }
  }

  uint64_t at(uint64_t x) const {
    do {
      for (int r = 0; r < kRounds; r++) {
        x = ((x + add[r]) * factor[r]) & mask;
        x ^= x >> shift;
      }
    } while (x >= count);
    return x;
  }
};

}  // namespace

int32_t dm_expand_slots(const int64_t *slots, int64_t count, int64_t slotCount, int64_t expansion, int64_t seed, int64_t *rows,
                        int64_t *blocks, int32_t threads, int64_t *where) {
  threads = threads < 1 ? 1 : threads;
  const int64_t outside = dm::first_outside(slots, count, slotCount * expansion, threads);
  if (outside != INT64_MAX) {
    *where = outside;
    return DM_OUT_OF_RANGE;
  }
  const Permutation permutation(uint64_t(slotCount * expansion), seed);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < count; i++) {
    const int64_t v = int64_t(permutation.at(uint64_t(slots[i])));
    rows[i] = v % slotCount;
    blocks[i] = v / slotCount;
  }
  return DM_OK;
}

// Accesses of a batch grouped by table row, stably; and zeroing of touched rows. Integers only: compiled once, for any tier.
//
// Ladder: 1. comparison sort of (slot, position); 2. (this) least-significant-digit radix sort on only the bits that
//         slotCount needs, slot and position in one word; every thread counts and scatters its own stretch, so that the
//         result is the stable order with any number of threads. 3. Where slot and position need more than 64 bits
//         together (only beyond 2^40 slots or so), positions are sorted and slots looked up.
// Floors, n accesses, d = ceil(bits / 11) digits: reads 8n and writes 8n bytes a digit and in the two passes around.
// Outputs: assigned.
#include <omp.h>

#include <cstdlib>
#include <cstring>

#include "../kernels.h"

namespace {

constexpr int kMostDigitBits = 11;
constexpr int64_t kParallelFrom = 1 << 18;  // below, about 2 ms of work, waiting for one another costs more than it saves

int bits_for(int64_t count) {  // bits that hold 0 .. count-1
  return count <= 1 ? 0 : 64 - __builtin_clzll(uint64_t(count - 1));
}

struct Sorter {
  const int64_t *slots;
  int64_t accesses;
  int slotBits, positionBits;
  int32_t threads;
  int64_t *counts;  // [threads][2^kMostDigitBits]

  bool packed() const { return slotBits + positionBits <= 64; }
  uint64_t word(int64_t position) const {
    return packed() && positionBits < 64 ? uint64_t(slots[position]) << positionBits | uint64_t(position) : uint64_t(position);
  }
  int64_t position(uint64_t word) const {
    return int64_t(packed() ? word & ((uint64_t(1) << positionBits) - 1) : word);
  }
  uint64_t slot(uint64_t word) const { return packed() ? word >> positionBits : uint64_t(slots[word]); }

  // One stable pass from `from` to `into` on bits [shift, shift + width) of the slot.
  void pass(const int64_t *from, int64_t *into, int shift, int width) {
    const uint64_t mask = (uint64_t(1) << width) - 1;
#pragma omp parallel num_threads(threads)
    {
      const int64_t team = omp_get_num_threads(), me = omp_get_thread_num();
      const int64_t low = accesses * me / team, high = accesses * (me + 1) / team;
      int64_t *mine = counts + (int64_t(me) << kMostDigitBits);
      memset(mine, 0, sizeof(int64_t) << width);
      for (int64_t i = low; i < high; i++) mine[slot(uint64_t(from[i])) >> shift & mask]++;
#pragma omp barrier
#pragma omp single
      {
        int64_t sum = 0;
        for (uint64_t digit = 0; digit <= mask; digit++) {
          for (int64_t t = 0; t < team; t++) {
            int64_t &count = counts[(t << kMostDigitBits) + int64_t(digit)];
            const int64_t before = sum;
            sum += count;
            count = before;
          }
        }
      }
      for (int64_t i = low; i < high; i++) into[mine[slot(uint64_t(from[i])) >> shift & mask]++] = from[i];
    }
  }

  // Sorts; the result lies in the returned one of the two buffers.
  int64_t *sort(int64_t *buffer, int64_t *other) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < accesses; i++) buffer[i] = int64_t(word(i));
    const int passes = (slotBits + kMostDigitBits - 1) / kMostDigitBits;
    for (int p = 0; p < passes; p++) {
      const int from = slotBits * p / passes, to = slotBits * (p + 1) / passes;
      pass(buffer, other, from, to - from);
      int64_t *swap = buffer;
      buffer = other;
      other = swap;
    }
    return buffer;
  }
};

}  // namespace

namespace dm {

int64_t first_outside(const int64_t *slots, int64_t count, int64_t slotCount, int32_t threads) {
  int64_t first = INT64_MAX;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(min : first) if (count >= kParallelFrom)
  for (int64_t at = 0; at < count; at++) {
    if (uint64_t(slots[at]) >= uint64_t(slotCount) && at < first) first = at;
  }
  return first;
}

}  // namespace dm

int32_t dm_group_by_row(const int64_t *slots, int64_t accesses, int64_t slotCount, int64_t *order, int64_t *rows,
                        int64_t *starts, int64_t *scratch, int64_t *rowCount, int32_t threads, int64_t *where) {
  if (threads < 1 || accesses < kParallelFrom) threads = 1;
  const int64_t outside = dm::first_outside(slots, accesses, slotCount, threads);
  if (outside != INT64_MAX) {
    *where = outside;
    return DM_OUT_OF_RANGE;
  }
  int64_t *counts = static_cast<int64_t *>(malloc((size_t(threads) << kMostDigitBits) * sizeof(int64_t)));
  if (!counts) return DM_NO_MEMORY;
  Sorter sorter{slots, accesses, bits_for(slotCount), bits_for(accesses), threads, counts};
  const int64_t *sorted = sorter.sort(scratch, scratch + accesses);
  free(counts);

  int64_t found = 0;
  uint64_t previous = 0;
  for (int64_t i = 0; i < accesses; i++) {
    const uint64_t slot = sorter.slot(uint64_t(sorted[i]));
    order[i] = sorter.position(uint64_t(sorted[i]));
    if (i == 0 || slot != previous) {
      rows[found] = int64_t(slot);
      starts[found++] = i;
      previous = slot;
    }
  }
  starts[found] = accesses;
  *rowCount = found;
  return DM_OK;
}

void dm_zero_rows(void *table, const int64_t *rows, int64_t rowCount, int64_t rowBytes, int32_t threads) {
  char *bytes = static_cast<char *>(table);
#pragma omp parallel for num_threads(threads < 1 ? 1 : threads) schedule(static)
  for (int64_t j = 0; j < rowCount; j++) memset(bytes + rows[j] * rowBytes, 0, size_t(rowBytes));
}

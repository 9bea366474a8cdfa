// Runs every test on every tier that this processor has. kernel_tests [SEED] [NAME PART]
//
// Which size reaches which code (W values make a vector, float: 16 with AVX-512, 8 with AVX2, 4 in the baseline tier)
//   batch < 6                  streaming scores, a task is (head, half)        >= 6: blocked scores, a task is (head, queries)
//   batch > 6                  AVX-512: two tiles of 6 queries at once         batch > 12: and a third
//   n % W, n < W               streaming: keys a second time; scalar keys      n % 2W: last panel filled up with zeros
//   keySize/2 % W              streaming: scalar end of a dot product          keySize/2 > 256 (AVX-512: 128): slices of a panel
//   n (or 119 pairs) < 96 (48) no threshold: all values are sorted             topK > 128: threshold by a sort of group maxima
//   survivors > 192            merge sort instead of rank sort (double: always merge sort)
//   survivors > 4 topK + 64    ties at the threshold: only the first are kept
//   valueSize % 16             scalar end of a row                             bagSize % 4: single rows at the end of a bag
//   bags < threads             a bag is divided by columns
//   accesses >= 16384          group_by_row with threads                       slotCount 2^50: positions sorted, not words
#include <cstdlib>
#include <cstring>

#include "../cpu/kernel_table.h"
#include "check.h"

int main(int argc, char **argv) {
  const bool given = argc > 1 && *argv[1];
  seed() = given ? strtoull(argv[1], nullptr, 10) : std::random_device{}();
  printf("seed %llu (replay: %s %llu)\n", (unsigned long long)seed(), argv[0], (unsigned long long)seed());
  int tiers = 0, run = 0;
  for (dm::Tier tier : {dm::Tier::baseline, dm::Tier::avx2, dm::Tier::avx512}) {
    if (!dm::choose_tier(tier)) continue;
    tiers++;
    for (const Test &test : tests()) {
      if (argc > 2 && !strstr(test.name, argv[2])) continue;
      const int before = failures();
      random_bits().seed(seed());
      test.run();
      run++;
      if (failures() > before) printf("FAILED %s on %s\n", test.name, dm_instruction_set());
    }
  }
  printf("%d runs of tests on %d tiers, %d failed checks\n", run, tiers, failures());
  return failures() == 0 && run > 0 ? 0 : 1;
}

// The choice of a tier: by processor, by DL4JMEMORY_INSTRUCTION_SET, and what happens to a request that cannot be met.
#include <cstdlib>
#include <cstring>

#include "../cpu/kernel_table.h"
#include "check.h"

namespace {

const char *chosen_for(const char *request) {
  if (request) {
    setenv("DL4JMEMORY_INSTRUCTION_SET", request, 1);
  } else {
    unsetenv("DL4JMEMORY_INSTRUCTION_SET");
  }
  dm::choose_tier(dm::Tier::automatic);
  return dm_instruction_set();
}

// The tiers from the best to the least, and the best that this processor has.
const char *const kNames[] = {"avx512", "avx2", "baseline"};
constexpr dm::Tier kTiers[] = {dm::Tier::avx512, dm::Tier::avx2, dm::Tier::baseline};

int best_tier() {
  int t = 0;
  while (!dm::choose_tier(kTiers[t])) t++;
  return t;
}

TEST(the_environment_chooses_a_tier) {
  const std::string before = dm_instruction_set();
  const int first = best_tier();
  const std::string best = kNames[first];
  EXPECT(chosen_for(nullptr) == best, "%s", dm_instruction_set());
  for (int t = 0; t < 3; t++) {
    EXPECT(chosen_for(kNames[t]) == (t < first ? best : kNames[t]), "%s for %s", dm_instruction_set(), kNames[t]);
  }
  EXPECT(chosen_for("avx1024") == best, "%s", dm_instruction_set());
  EXPECT(chosen_for("") == best, "%s", dm_instruction_set());
  unsetenv("DL4JMEMORY_INSTRUCTION_SET");
  for (int t = 0; t < 3; t++) {
    if (before == kNames[t]) dm::choose_tier(kTiers[t]);
  }
}

}  // namespace

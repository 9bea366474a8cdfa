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

TEST(the_environment_chooses_a_tier) {
  const std::string before = dm_instruction_set();
  const std::string best = chosen_for(nullptr);
  EXPECT(best == (dm::choose_tier(dm::Tier::avx2) ? "avx2" : "baseline"), "%s", best.c_str());
  EXPECT(!strcmp(chosen_for("baseline"), "baseline"), "%s", dm_instruction_set());
  EXPECT(chosen_for("avx2") == best, "%s", dm_instruction_set());
  EXPECT(chosen_for("avx1024") == best, "%s", dm_instruction_set());
  EXPECT(chosen_for("") == best, "%s", dm_instruction_set());
  unsetenv("DL4JMEMORY_INSTRUCTION_SET");
  dm::choose_tier(before == "avx2" ? dm::Tier::avx2 : dm::Tier::baseline);
}

}  // namespace

// The kernels of one tier, gathered in its table. Compiled once per tier.
#include "tier.h"

#include "kernel_table.h"

namespace dm {
namespace DM_TIER {

#define DM_STRING(x) #x
#define DM_NAME(x) DM_STRING(x)
#define DM_OF_TIER(KERNEL) KERNEL<float>, KERNEL<double>,
#define DM_OF_MEMORY_TIER(KERNEL) DM_MEMORY_TIER::KERNEL<float>, DM_MEMORY_TIER::KERNEL<double>,
#define DM_ALONE_OF_MEMORY_TIER(KERNEL) DM_MEMORY_TIER::KERNEL,

constexpr KernelTable kTableOfTier = {DM_NAME(DM_TIER), DM_ARITHMETIC(DM_OF_TIER) DM_MEMORY(DM_OF_MEMORY_TIER)
                                                            DM_MEMORY_ALONE(DM_ALONE_OF_MEMORY_TIER)};
const KernelTable kTable = kTableOfTier;

}  // namespace DM_TIER
}  // namespace dm

// The kernels of one tier, gathered in its table. Compiled once per tier.
#include "tier.h"

#include "kernel_table.h"

namespace dm {
namespace DM_TIER {

#define DM_STRING(x) #x
#define DM_NAME(x) DM_STRING(x)
#define DM_ENTRY(KERNEL) KERNEL<float>, KERNEL<double>,
#define DM_ENTRY_ALONE(KERNEL) KERNEL,

constexpr KernelTable kTableOfTier = {DM_NAME(DM_TIER), DM_TIERED(DM_ENTRY) DM_TIERED_ALONE(DM_ENTRY_ALONE)};
const KernelTable kTable = kTableOfTier;

}  // namespace DM_TIER
}  // namespace dm

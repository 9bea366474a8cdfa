// One entry per tiered kernel, with the signature of the C function of the same name in kernels.h.
// dispatch.cpp holds the table that is in use; each tier fills one in tier.cpp.
#pragma once
#include "../kernels.h"

namespace dm {

#define DM_TIERED(ENTRY)      \
  ENTRY(product_key_topk)     \
  ENTRY(product_key_select)   \
  ENTRY(product_key_topk_bp)  \
  ENTRY(weighted_bag)         \
  ENTRY(weighted_bag_bp)      \
  ENTRY(weighted_bag_weights_bp) \
  ENTRY(row_adam)             \
  ENTRY(row_sgd)              \
  ENTRY(bag_adam)             \
  ENTRY(bag_sgd)              \
  ENTRY(tucker_topk) \
  ENTRY(tucker_select) \
  ENTRY(tucker_topk_bp) \
  ENTRY(expanded_bag) \
  ENTRY(expanded_bag_weights_bp)

struct KernelTable {
  const char *name;
#define DM_ENTRY(KERNEL)                         \
  decltype(&dm_##KERNEL##_f32) KERNEL##_f32;     \
  decltype(&dm_##KERNEL##_f64) KERNEL##_f64;
  DM_TIERED(DM_ENTRY)
#undef DM_ENTRY
};

namespace baseline {
extern const KernelTable kTable;
}
#if defined(__x86_64__)
namespace avx2 {
extern const KernelTable kTable;
}
#endif

enum class Tier { automatic, baseline, avx2 };

// Forces a tier (tests, bench); false, and nothing changes, when this processor cannot run it. Not while a kernel runs.
bool choose_tier(Tier tier);

}  // namespace dm

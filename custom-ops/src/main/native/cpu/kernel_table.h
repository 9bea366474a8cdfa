// One entry per tiered kernel, with the signature of the C function of the same name in kernels.h.
// dispatch.cpp holds the table that is in use; each tier fills one in tier.cpp.
#pragma once
#include "../kernels.h"

namespace dm {

#define DM_TIERED(ENTRY)      \
  ENTRY(product_key_topk)     \
  ENTRY(product_key_select)   \
  ENTRY(product_key_topk_bp)  \
  ENTRY(half_topk)            \
  ENTRY(merge_halves)         \
  ENTRY(weighted_bag)         \
  ENTRY(weighted_bag_bp)      \
  ENTRY(weighted_bag_weights_bp) \
  ENTRY(grouped_matmul)       \
  ENTRY(row_adam)             \
  ENTRY(row_sgd)              \
  ENTRY(bag_adam)             \
  ENTRY(bag_sgd)              \
  ENTRY(separator_attention)  \
  ENTRY(separator_attention_bp) \
  ENTRY(decode_attention)     \
  ENTRY(tucker_topk)          \
  ENTRY(tucker_select)        \
  ENTRY(tucker_topk_bp)       \
  ENTRY(expanded_bag)         \
  ENTRY(expanded_bag_weights_bp)

// Those without a dtype.
#define DM_TIERED_ALONE(ENTRY) \
  ENTRY(compact_bag)           \
  ENTRY(compact_bag_weights_bp) \
  ENTRY(compact_bag_adam)      \
  ENTRY(compact_bag_sgd)       \
  ENTRY(read_rows)             \
  ENTRY(write_rows)            \
  ENTRY(initialise_normal)

struct KernelTable {
  const char *name;
#define DM_ENTRY(KERNEL)                         \
  decltype(&dm_##KERNEL##_f32) KERNEL##_f32;     \
  decltype(&dm_##KERNEL##_f64) KERNEL##_f64;
  DM_TIERED(DM_ENTRY)
#undef DM_ENTRY
#define DM_ENTRY(KERNEL) decltype(&dm_##KERNEL) KERNEL;
  DM_TIERED_ALONE(DM_ENTRY)
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

// The C functions of kernels.h: they choose a tier once, and hand over.
//
// Choice: the best tier that the processor runs; the environment variable DL4JMEMORY_INSTRUCTION_SET=baseline|avx2|avx512
// asks for one. A request that cannot be met is said on stderr, and the best tier that can run is used.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernel_table.h"

namespace dm {
namespace {

const KernelTable *chosen = nullptr;  // read and written atomically; every thread would choose the same

const KernelTable *table_of(Tier tier) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if ((tier == Tier::automatic || tier == Tier::avx512) && avx512) return &avx512::kTable;
  if ((tier == Tier::automatic || tier == Tier::avx2) && avx2) return &avx2::kTable;
#endif
  return tier == Tier::automatic || tier == Tier::baseline ? &baseline::kTable : nullptr;
}

const KernelTable *choose_at_start() {
  const char *asked = getenv("DL4JMEMORY_INSTRUCTION_SET");
  const KernelTable *best = table_of(Tier::automatic);
  if (!asked || !*asked) return best;
  const KernelTable *table = nullptr;
  if (!strcmp(asked, "baseline")) table = table_of(Tier::baseline);
  if (!strcmp(asked, "avx2")) table = table_of(Tier::avx2);
  if (!strcmp(asked, "avx512")) table = table_of(Tier::avx512);
  if (table) return table;
  fprintf(stderr,
          "[dl4j-memory] DL4JMEMORY_INSTRUCTION_SET: expected baseline, or what the processor has of avx2 (AVX2 and "
          "FMA) and avx512 (AVX-512 F, BW, DQ, VL), got %s. Using %s.\n",
          asked, best->name);
  return best;
}

const KernelTable &kernels() {
  const KernelTable *table = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
  if (!table) {
    table = choose_at_start();
    __atomic_store_n(&chosen, table, __ATOMIC_RELEASE);
  }
  return *table;
}

}  // namespace

bool choose_tier(Tier tier) {
  const KernelTable *table = tier == Tier::automatic ? choose_at_start() : table_of(tier);
  if (table) __atomic_store_n(&chosen, table, __ATOMIC_RELEASE);
  return table != nullptr;
}

}  // namespace dm

const char *dm_instruction_set(void) { return dm::kernels().name; }

#define DM_FORWARD(T, SUFFIX)                                                                                               \
  int32_t dm_product_key_topk_##SUFFIX(const T *query, const T *subKeys, int64_t batch, int64_t heads, int64_t n,           \
                                       int64_t keySize, int64_t topK, T *scores, int64_t *slots, int32_t threads,           \
                                       int64_t *where) {                                                                    \
    return dm::kernels().product_key_topk_##SUFFIX(query, subKeys, batch, heads, n, keySize, topK, scores, slots, threads,  \
                                                   where);                                                                  \
  }                                                                                                                         \
  int32_t dm_product_key_select_##SUFFIX(const T *halfScores, int64_t queries, int64_t n, int64_t topK, T *scores,          \
                                         int64_t *slots, int32_t threads, int64_t *where) {                                 \
    return dm::kernels().product_key_select_##SUFFIX(halfScores, queries, n, topK, scores, slots, threads, where);          \
  }                                                                                                                         \
  int32_t dm_product_key_topk_bp_##SUFFIX(const T *query, const T *subKeys, const int64_t *slots, const T *scoreGradients,  \
                                          int64_t batch, int64_t heads, int64_t n, int64_t keySize, int64_t topK,           \
                                          T *queryGradients, T *subKeyGradients, int32_t threads, int64_t *where) {         \
    return dm::kernels().product_key_topk_bp_##SUFFIX(query, subKeys, slots, scoreGradients, batch, heads, n, keySize,      \
                                                      topK, queryGradients, subKeyGradients, threads, where);               \
  }                                                                                                                         \
  int32_t dm_half_topk_##SUFFIX(const T *query, int64_t queryStride, int64_t queryHeadStride, const T *keys,                \
                                int64_t keysHeadStride, int64_t batch, int64_t heads, int64_t n, int64_t length,            \
                                int64_t topK, T *scores, int64_t *indices, int32_t threads, int64_t *where) {               \
    return dm::kernels().half_topk_##SUFFIX(query, queryStride, queryHeadStride, keys, keysHeadStride, batch, heads, n,     \
                                            length, topK, scores, indices, threads, where);                                 \
  }                                                                                                                         \
  int32_t dm_merge_halves_##SUFFIX(const T *scores1, const int64_t *indices1, const T *scores2, const int64_t *indices2,    \
                                   int64_t queries, int64_t n, int64_t topK, T *scores, int64_t *slots, int32_t threads,    \
                                   int64_t *where) {                                                                        \
    return dm::kernels().merge_halves_##SUFFIX(scores1, indices1, scores2, indices2, queries, n, topK, scores, slots,       \
                                               threads, where);                                                             \
  }                                                                                                                         \
  int32_t dm_weighted_bag_##SUFFIX(const T *values, const int64_t *slots, const T *weights, int64_t bags, int64_t bagSize,  \
                                   int64_t slotCount, int64_t valueSize, T *out, int32_t threads, int64_t *where) {         \
    return dm::kernels().weighted_bag_##SUFFIX(values, slots, weights, bags, bagSize, slotCount, valueSize, out, threads,   \
                                               where);                                                                      \
  }                                                                                                                         \
  int32_t dm_weighted_bag_bp_##SUFFIX(const T *values, const T *weights, const T *outGradients, int64_t bagSize,            \
                                      int64_t valueSize, const int64_t *order, const int64_t *rows, const int64_t *starts,  \
                                      int64_t rowCount, T *rowGradients, int32_t byRow, T *weightGradients,                 \
                                      int32_t threads) {                                                                    \
    return dm::kernels().weighted_bag_bp_##SUFFIX(values, weights, outGradients, bagSize, valueSize, order, rows, starts,   \
                                                  rowCount, rowGradients, byRow, weightGradients, threads);                 \
  }                                                                                                                         \
  int32_t dm_weighted_bag_weights_bp_##SUFFIX(const T *values, const int64_t *slots, const T *outGradients, int64_t bags,    \
                                              int64_t bagSize, int64_t slotCount, int64_t valueSize, T *weightGradients,    \
                                              int32_t threads, int64_t *where) {                                            \
    return dm::kernels().weighted_bag_weights_bp_##SUFFIX(values, slots, outGradients, bags, bagSize, slotCount, valueSize,  \
                                                          weightGradients, threads, where);                                 \
  }                                                                                                                         \
  int32_t dm_grouped_matmul_##SUFFIX(const T *rows, const T *weights, const int64_t *starts, int64_t groups, int64_t nIn,   \
                                     int64_t nOut, T *out, int32_t threads) {                                               \
    return dm::kernels().grouped_matmul_##SUFFIX(rows, weights, starts, groups, nIn, nOut, out, threads);                   \
  }                                                                                                                         \
  int32_t dm_row_adam_##SUFFIX(const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients, int32_t byRow, T *m, \
                               T *v, T *target, int32_t subtract, double stepSize, double beta1, double beta2,              \
                               double epsilon, double gradientScale, int32_t threads) {                                     \
    return dm::kernels().row_adam_##SUFFIX(rows, rowCount, valueSize, gradients, byRow, m, v, target, subtract, stepSize,   \
                                           beta1, beta2, epsilon, gradientScale, threads);                                  \
  }                                                                                                                         \
  int32_t dm_row_sgd_##SUFFIX(const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients, int32_t byRow,        \
                              T *target, int32_t subtract, double stepSize, int32_t threads) {                              \
    return dm::kernels().row_sgd_##SUFFIX(rows, rowCount, valueSize, gradients, byRow, target, subtract, stepSize,          \
                                          threads);                                                                         \
  }                                                                                                                         \
  int32_t dm_bag_adam_##SUFFIX(T *values, T *m, T *v, const T *weights, const T *outGradients, int64_t bagSize,             \
                               int64_t valueSize, const int64_t *order, const int64_t *rows, const int64_t *starts,         \
                               int64_t rowCount, double stepSize, double beta1, double beta2, double epsilon,               \
                               double gradientScale, int32_t threads) {                                                     \
    return dm::kernels().bag_adam_##SUFFIX(values, m, v, weights, outGradients, bagSize, valueSize, order, rows, starts,    \
                                           rowCount, stepSize, beta1, beta2, epsilon, gradientScale, threads);              \
  }                                                                                                                         \
  int32_t dm_bag_sgd_##SUFFIX(T *values, const T *weights, const T *outGradients, int64_t bagSize, int64_t valueSize,       \
                              const int64_t *order, const int64_t *rows, const int64_t *starts, int64_t rowCount,           \
                              double stepSize, int32_t threads) {                                                           \
    return dm::kernels().bag_sgd_##SUFFIX(values, weights, outGradients, bagSize, valueSize, order, rows, starts, rowCount, \
                                          stepSize, threads);                                                               \
  }                                                                                                                         \
  int32_t dm_separator_attention_##SUFFIX(const T *query, const T *keys, const T *values, const int8_t *kinds,              \
                                          int64_t batch, int64_t time, int64_t heads, int64_t keyValueHeads,                \
                                          int64_t headSize, int64_t initial, int64_t window, T *out, T *logSums,            \
                                          int32_t threads) {                                                                \
    return dm::kernels().separator_attention_##SUFFIX(query, keys, values, kinds, batch, time, heads, keyValueHeads,        \
                                                      headSize, initial, window, out, logSums, threads);                    \
  }                                                                                                                         \
  int32_t dm_separator_attention_bp_##SUFFIX(                                                                               \
      const T *query, const T *keys, const T *values, const int8_t *kinds, const T *out, const T *logSums,                  \
      const T *outGradients, int64_t batch, int64_t time, int64_t heads, int64_t keyValueHeads, int64_t headSize,           \
      int64_t initial, int64_t window, T *queryGradients, T *keyGradients, T *valueGradients, int32_t threads) {            \
    return dm::kernels().separator_attention_bp_##SUFFIX(query, keys, values, kinds, out, logSums, outGradients, batch,     \
                                                         time, heads, keyValueHeads, headSize, initial, window,             \
                                                         queryGradients, keyGradients, valueGradients, threads);            \
  }                                                                                                                         \
  int32_t dm_decode_attention_##SUFFIX(                                                                                     \
      const T *query, const T *keys, const T *values, const int64_t *counts, const T *cosines, const T *sines,              \
      int64_t batch, int64_t heads, int64_t keyValueHeads, int64_t capacity, int64_t headSize, int64_t rotary,              \
      T *weights, T *out, int32_t threads) {                                                                                \
    return dm::kernels().decode_attention_##SUFFIX(query, keys, values, counts, cosines, sines, batch, heads,               \
                                                   keyValueHeads, capacity, headSize, rotary, weights, out,                 \
                                                   threads);                                                                \
  }

DM_FORWARD(float, f32)
DM_FORWARD(double, f64)

int32_t dm_compact_bag(int32_t storage, const void *values, const float *scales, const int64_t *slots, const float *weights,
                       int64_t bags, int64_t bagSize, int64_t slotCount, int64_t valueSize, float *out, int32_t threads,
                       int64_t *where) {
  return dm::kernels().compact_bag(storage, values, scales, slots, weights, bags, bagSize, slotCount, valueSize, out, threads,
                                   where);
}

int32_t dm_compact_bag_weights_bp(int32_t storage, const void *values, const float *scales, const int64_t *slots,
                                  const float *outGradients, int64_t bags, int64_t bagSize, int64_t slotCount,
                                  int64_t valueSize, float *weightGradients, int32_t threads, int64_t *where) {
  return dm::kernels().compact_bag_weights_bp(storage, values, scales, slots, outGradients, bags, bagSize, slotCount,
                                              valueSize, weightGradients, threads, where);
}

int32_t dm_compact_bag_adam(int32_t storage, void *values, float *scales, float *m, float *v, const float *weights,
                            const float *outGradients, int64_t bagSize, int64_t valueSize, const int64_t *order,
                            const int64_t *rows, const int64_t *numbers, const int64_t *starts, int64_t rowCount,
                            double stepSize, double beta1, double beta2, double epsilon, double gradientScale, uint64_t seed, int32_t threads) {
  return dm::kernels().compact_bag_adam(storage, values, scales, m, v, weights, outGradients, bagSize, valueSize, order, rows,
                                        numbers, starts, rowCount, stepSize, beta1, beta2, epsilon, gradientScale, seed, threads);
}

int32_t dm_compact_bag_sgd(int32_t storage, void *values, float *scales, const float *weights, const float *outGradients,
                           int64_t bagSize, int64_t valueSize, const int64_t *order, const int64_t *rows,
                           const int64_t *numbers, const int64_t *starts, int64_t rowCount, double stepSize, uint64_t seed, int32_t threads) {
  return dm::kernels().compact_bag_sgd(storage, values, scales, weights, outGradients, bagSize, valueSize, order, rows, numbers,
                                       starts, rowCount, stepSize, seed, threads);
}

int32_t dm_read_rows(int32_t storage, const void *values, const float *scales, int64_t slotCount, int64_t valueSize,
                     const int64_t *rows, int64_t rowCount, float *out, int32_t threads, int64_t *where) {
  return dm::kernels().read_rows(storage, values, scales, slotCount, valueSize, rows, rowCount, out, threads, where);
}

int32_t dm_write_rows(int32_t storage, void *values, float *scales, int64_t valueSize, const int64_t *rows, int64_t rowCount,
                      const float *source, uint64_t seed, int32_t threads) {
  return dm::kernels().write_rows(storage, values, scales, valueSize, rows, rowCount, source, seed, threads);
}

int32_t dm_initialise_normal(int32_t storage, void *values, float *scales, int64_t slotCount, int64_t valueSize,
                             double deviation, uint64_t seed, int32_t threads) {
  return dm::kernels().initialise_normal(storage, values, scales, slotCount, valueSize, deviation, seed, threads);
}

#define DM_FORWARD_ULTRAMEM(T, SUFFIX)                                                                                       \
  int32_t dm_tucker_topk_##SUFFIX(const T *query, const T *keys, const T *cores, const T *filters, double keyEpsilon, int64_t batch,            \
                                  int64_t heads, int64_t rank, int64_t coreCount, int64_t n, int64_t keySize, int64_t        \
                                  topK, T *scores, int64_t *slots, int32_t threads, int64_t *where) {                        \
    return dm::kernels().tucker_topk_##SUFFIX(query, keys, cores, filters, keyEpsilon, batch, heads, rank, coreCount, n, keySize,        \
                                              topK, scores, slots, threads, where);                                          \
  }                                                                                                                          \
  int32_t dm_tucker_select_##SUFFIX(const T *keyScores, const T *cores, const T *filters, int64_t batch, int64_t heads,      \
                                    int64_t rank, int64_t coreCount, int64_t n, int64_t topK, T *scores, int64_t             \
                                    *slots, int32_t threads, int64_t *where) {                                               \
    return dm::kernels().tucker_select_##SUFFIX(keyScores, cores, filters, batch, heads, rank, coreCount, n, topK,           \
                                                scores, slots, threads, where);                                              \
  }                                                                                                                          \
  int32_t dm_tucker_topk_bp_##SUFFIX(const T *query, const T *keys, const T *cores, const int64_t *slots, const T            \
                                     *scoreGradients, int64_t batch, int64_t heads, int64_t rank, int64_t coreCount,         \
                                     int64_t n, int64_t keySize, int64_t topK, T *queryGradients, T *keyGradients, T         \
                                     *coreGradients, int32_t threads, int64_t *where) {                                      \
    return dm::kernels().tucker_topk_bp_##SUFFIX(query, keys, cores, slots, scoreGradients, batch, heads, rank,              \
                                                 coreCount, n, keySize, topK, queryGradients, keyGradients,                  \
                                                 coreGradients, threads, where);                                             \
  }                                                                                                                          \
  int32_t dm_expanded_bag_##SUFFIX(const T *values, const int64_t *slots, const int64_t *blocks, const T *weights,           \
                                   int64_t bags, int64_t bagSize, int64_t coreCount, int64_t expansion, int64_t              \
                                   valueSize, T *out, int32_t threads) {                                                     \
    return dm::kernels().expanded_bag_##SUFFIX(values, slots, blocks, weights, bags, bagSize, coreCount, expansion,          \
                                               valueSize, out, threads);                                                     \
  }                                                                                                                          \
  int32_t dm_expanded_bag_weights_bp_##SUFFIX(const T *values, const int64_t *slots, const int64_t *blocks, const T          \
                                              *outGradients, int64_t bags, int64_t bagSize, int64_t coreCount, int64_t       \
                                              expansion, int64_t valueSize, T *weightGradients, int32_t threads) {           \
    return dm::kernels().expanded_bag_weights_bp_##SUFFIX(values, slots, blocks, outGradients, bags, bagSize,                \
                                                          coreCount, expansion, valueSize, weightGradients,                  \
                                                          threads);                                                          \
  }

DM_FORWARD_ULTRAMEM(float, f32)
DM_FORWARD_ULTRAMEM(double, f64)

// The kernels of UltraMem, part of kernels.h, whose rules hold: Tucker lookup, expanded bag, expanded slots.
// Sizes the caller ensures too: rank, cores, expansion, keySize >= 1; cores divides valueSize. `cores` is an array, coreCount its size.
#pragma once
#include <cstdint>

// One declaration per dtype: T = float (f32) and double (f64).
#define DM_ULTRAMEM_KERNELS(T, SUFFIX)                                                                               \
  /* Tucker lookup.                                                                                               */ \
  /*   query [batch, heads, 2, rank, keySize], keys [heads, 2, rank, n, keySize], cores [heads, coreCount, rank,  */ \
  /*   rank], filters [heads, 2, rank];  r[a,i] = <query[0,a], keys[0,a,i]>, c[e,j] = <query[1,e], keys[1,e,j]>   */ \
  /*   rows = top-k of sum_a filters[0,a] r[a,i], columns likewise, by (score desc, index asc); then top-k of     */ \
  /*   rows x columns by (sum_ae C[a,e] r[a,i] c[e,j] desc, slot asc), C the sum of the cores, slot = i*n + j.    */ \
  /*   scores [batch, heads, topK, coreCount], one a core, slots [batch, heads, topK]: assigned.                  */ \
  /*   keyEpsilon > 0: r[a,i] and c[e,j] are divided by sqrt(mean of the key's squares + keyEpsilon); 0: not.     */ \
  /*   NaN: in any filtered score, any candidate's score, or any score of a core that would be returned.          */ \
  DM_API int32_t dm_tucker_topk_##SUFFIX(const T *query, const T *keys, const T *cores, const T *filters,            \
                                         double keyEpsilon, int64_t batch, int64_t heads, int64_t rank, int64_t coreCount, int64_t n,   \
                                         int64_t keySize, int64_t topK, T *scores, int64_t *slots, int32_t threads,  \
                                         int64_t *where);                                                           \
  /* The selection alone, on given key scores [batch, heads, 2, rank, n]: bit-equal on every tier. Products and   */ \
  /* sums are rounded each, in the order of rank.                                                                 */ \
  DM_API int32_t dm_tucker_select_##SUFFIX(const T *keyScores, const T *cores, const T *filters, int64_t batch,      \
                                           int64_t heads, int64_t rank, int64_t coreCount, int64_t n, int64_t topK,  \
                                           T *scores, int64_t *slots, int32_t threads, int64_t *where);             \
  /* Gradient of tucker_topk; filters and choice are constants. scoreGradients [batch, heads, topK, coreCount].   */ \
  /* queryGradients, keyGradients, coreGradients have the shapes of query, keys, cores: assigned.                 */ \
  DM_API int32_t dm_tucker_topk_bp_##SUFFIX(const T *query, const T *keys, const T *cores, const int64_t *slots,     \
                                            const T *scoreGradients, int64_t batch, int64_t heads, int64_t rank,     \
                                            int64_t coreCount, int64_t n, int64_t keySize, int64_t topK,             \
                                            T *queryGradients, T *keyGradients, T *coreGradients, int32_t threads,   \
                                            int64_t *where);                                                        \
  /* out[b,e,slice p] = sum over k with blocks[b,k] = e of weights[b,k,p] * values[slots[b,k], slice p].           */ \
  /*   slots, blocks [bags, bagSize], which the caller has checked; weights [bags, bagSize, coreCount]; slices    */ \
  /*   are valueSize/coreCount wide; out [bags, expansion, valueSize]: assigned.                                  */ \
  DM_API int32_t dm_expanded_bag_##SUFFIX(const T *values, const int64_t *slots, const int64_t *blocks,              \
                                          const T *weights, int64_t bags, int64_t bagSize, int64_t coreCount,        \
                                          int64_t expansion, int64_t valueSize, T *out, int32_t threads);           \
  /* weightGradients[b,k,p] = <outGradients[b, blocks[b,k], slice p], values[slots[b,k], slice p]>: assigned.      */ \
  DM_API int32_t dm_expanded_bag_weights_bp_##SUFFIX(const T *values, const int64_t *slots, const int64_t *blocks,   \
                                                     const T *outGradients, int64_t bags, int64_t bagSize,           \
                                                     int64_t coreCount, int64_t expansion, int64_t valueSize,        \
                                                     T *weightGradients, int32_t threads);

DM_ULTRAMEM_KERNELS(float, f32)
DM_ULTRAMEM_KERNELS(double, f64)

// Virtual slots [count] in [0, slotCount*expansion) -> v = permutation(slot); rows = v mod slotCount, blocks = v / slotCount.
// The permutation is chosen by the seed; its formula stands in cpu/expand_slots.cpp. rows, blocks: assigned. Checks range.
DM_API int32_t dm_expand_slots(const int64_t *slots, int64_t count, int64_t slotCount, int64_t expansion, int64_t seed,
                               int64_t *rows, int64_t *blocks, int32_t threads, int64_t *where);

// The tiered kernels of one tier, as templates over the dtype; each is instantiated in the file of its family.
#pragma once
#include <cstdint>

// Whose kernels a tier takes where memory is what bounds them: its own, or those of a tier with shorter vectors.
#ifndef DM_MEMORY_TIER
#define DM_MEMORY_TIER DM_TIER
#endif

namespace dm {
namespace DM_TIER {

template <class T>
int32_t product_key_topk(const T *query, const T *subKeys, int64_t batch, int64_t heads, int64_t n, int64_t keySize,
                         int64_t topK, T *scores, int64_t *slots, int32_t threads, int64_t *where);
template <class T>
int32_t product_key_select(const T *halfScores, int64_t queries, int64_t n, int64_t topK, T *scores, int64_t *slots,
                           int32_t threads, int64_t *where);
template <class T>
int32_t product_key_topk_bp(const T *query, const T *subKeys, const int64_t *slots, const T *scoreGradients, int64_t batch,
                            int64_t heads, int64_t n, int64_t keySize, int64_t topK, T *queryGradients,
                            T *subKeyGradients, int32_t threads, int64_t *where);
template <class T>
int32_t half_topk(const T *query, int64_t queryStride, int64_t queryHeadStride, const T *keys, int64_t keysHeadStride,
                  int64_t batch, int64_t heads, int64_t n, int64_t length, int64_t topK, T *scores, int64_t *indices,
                  int32_t threads, int64_t *where);
template <class T>
int32_t merge_halves(const T *scores1, const int64_t *indices1, const T *scores2, const int64_t *indices2, int64_t queries,
                     int64_t n, int64_t topK, T *scores, int64_t *slots, int32_t threads, int64_t *where);
template <class T>
int32_t grouped_matmul(const T *rows, const T *weights, const int64_t *starts, int64_t groups, int64_t nIn, int64_t nOut,
                       T *out, int32_t threads);
template <class T>
int32_t separator_attention(const T *query, const T *keys, const T *values, const int8_t *kinds, int64_t batch, int64_t time,
                            int64_t heads, int64_t keyValueHeads, int64_t headSize, int64_t initial, int64_t window, T *out,
                            T *logSums, int32_t threads);
template <class T>
int32_t separator_attention_bp(const T *query, const T *keys, const T *values, const int8_t *kinds, const T *out, const T *logSums,
                               const T *outGradients, int64_t batch, int64_t time, int64_t heads, int64_t keyValueHeads,
                               int64_t headSize, int64_t initial, int64_t window, T *queryGradients, T *keyGradients,
                               T *valueGradients, int32_t threads);
template <class T>
int32_t decode_attention(const T *query, const T *keys, const T *values, const int64_t *counts, const T *cosines, const T *sines,
                         int64_t batch, int64_t heads, int64_t keyValueHeads, int64_t capacity, int64_t headSize, int64_t rotary,
                         T *weights, T *out, int32_t threads);
template <class T>
int32_t tucker_topk(const T *query, const T *keys, const T *cores, const T *filters, double keyEpsilon, int64_t batch,
                    int64_t heads, int64_t rank, int64_t coreCount, int64_t n, int64_t keySize, int64_t topK, T *scores,
                    int64_t *slots, int32_t threads, int64_t *where);
template <class T>
int32_t tucker_select(const T *keyScores, const T *cores, const T *filters, int64_t batch, int64_t heads, int64_t rank,
                      int64_t coreCount, int64_t n, int64_t topK, T *scores, int64_t *slots, int32_t threads, int64_t
                      *where);
template <class T>
int32_t tucker_topk_bp(const T *query, const T *keys, const T *cores, const int64_t *slots, const T *scoreGradients,
                       int64_t batch, int64_t heads, int64_t rank, int64_t coreCount, int64_t n, int64_t keySize, int64_t
                       topK, T *queryGradients, T *keyGradients, T *coreGradients, int32_t threads, int64_t *where);

}  // namespace DM_TIER

namespace DM_MEMORY_TIER {

template <class T>
int32_t weighted_bag(const T *values, const int64_t *slots, const T *weights, int64_t bags, int64_t bagSize,
                     int64_t slotCount, int64_t valueSize, T *out, int32_t threads, int64_t *where);
template <class T>
int32_t weighted_bag_bp(const T *values, const T *weights, const T *outGradients, int64_t bagSize, int64_t valueSize,
                        const int64_t *order, const int64_t *rows, const int64_t *starts, int64_t rowCount,
                        T *rowGradients, int32_t byRow, T *weightGradients, int32_t threads);
template <class T>
int32_t weighted_bag_weights_bp(const T *values, const int64_t *slots, const T *outGradients, int64_t bags, int64_t bagSize,
                                int64_t slotCount, int64_t valueSize, T *weightGradients, int32_t threads, int64_t *where);
template <class T>
int32_t row_adam(const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients, int32_t byRow, T *m, T *v,
                 T *target, int32_t subtract, double stepSize, double beta1, double beta2, double epsilon,
                 double gradientScale, int32_t threads);
template <class T>
int32_t row_sgd(const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients, int32_t byRow, T *target,
                int32_t subtract, double stepSize, int32_t threads);
template <class T>
int32_t bag_adam(T *values, T *m, T *v, const T *weights, const T *outGradients, int64_t bagSize, int64_t valueSize,
                 const int64_t *order, const int64_t *rows, const int64_t *starts, int64_t rowCount, double stepSize,
                 double beta1, double beta2, double epsilon, double gradientScale, int32_t threads);
template <class T>
int32_t bag_sgd(T *values, const T *weights, const T *outGradients, int64_t bagSize, int64_t valueSize, const int64_t *order,
                const int64_t *rows, const int64_t *starts, int64_t rowCount, double stepSize, int32_t threads);
template <class T>
int32_t expanded_bag(const T *values, const int64_t *slots, const int64_t *blocks, const T *weights, int64_t bags, int64_t
                     bagSize, int64_t coreCount, int64_t expansion, int64_t valueSize, T *out, int32_t threads);
template <class T>
int32_t expanded_bag_weights_bp(const T *values, const int64_t *slots, const int64_t *blocks, const T *outGradients,
                                int64_t bags, int64_t bagSize, int64_t coreCount, int64_t expansion, int64_t valueSize, T
                                *weightGradients, int32_t threads);

// Those of tables of compact rows.
int32_t compact_bag(int32_t storage, const void *values, const float *scales, const int64_t *slots, const float *weights,
                    int64_t bags, int64_t bagSize, int64_t slotCount, int64_t valueSize, float *out, int32_t threads,
                    int64_t *where);
int32_t compact_bag_weights_bp(int32_t storage, const void *values, const float *scales, const int64_t *slots,
                               const float *outGradients, int64_t bags, int64_t bagSize, int64_t slotCount, int64_t valueSize,
                               float *weightGradients, int32_t threads, int64_t *where);
int32_t compact_bag_adam(int32_t storage, void *values, float *scales, float *m, float *v, const float *weights,
                         const float *outGradients, int64_t bagSize, int64_t valueSize, const int64_t *order,
                         const int64_t *rows, const int64_t *numbers, const int64_t *starts, int64_t rowCount,
                         double stepSize, double beta1, double beta2, double epsilon, double gradientScale, uint64_t seed, int32_t threads);
int32_t compact_bag_sgd(int32_t storage, void *values, float *scales, const float *weights, const float *outGradients,
                        int64_t bagSize, int64_t valueSize, const int64_t *order, const int64_t *rows,
                        const int64_t *numbers, const int64_t *starts, int64_t rowCount, double stepSize, uint64_t seed, int32_t threads);
int32_t read_rows(int32_t storage, const void *values, const float *scales, int64_t slotCount, int64_t valueSize,
                  const int64_t *rows, int64_t rowCount, float *out, int32_t threads, int64_t *where);
int32_t write_rows(int32_t storage, void *values, float *scales, int64_t valueSize, const int64_t *rows, int64_t rowCount,
                   const float *source, uint64_t seed, int32_t threads);
int32_t initialise_normal(int32_t storage, void *values, float *scales, int64_t slotCount, int64_t valueSize, double deviation,
                          uint64_t seed, int32_t threads);

}  // namespace DM_MEMORY_TIER
}  // namespace dm

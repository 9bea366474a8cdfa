// The tiered kernels of one tier, as templates over the dtype; each is instantiated in the file of its family.
#pragma once
#include <cstdint>

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
int32_t tucker_topk(const T *query, const T *keys, const T *cores, const T *filters, int64_t batch, int64_t heads, int64_t
                    rank, int64_t coreCount, int64_t n, int64_t keySize, int64_t topK, T *scores, int64_t *slots, int32_t
                    threads, int64_t *where);
template <class T>
int32_t tucker_select(const T *keyScores, const T *cores, const T *filters, int64_t batch, int64_t heads, int64_t rank,
                      int64_t coreCount, int64_t n, int64_t topK, T *scores, int64_t *slots, int32_t threads, int64_t
                      *where);
template <class T>
int32_t tucker_topk_bp(const T *query, const T *keys, const T *cores, const int64_t *slots, const T *scoreGradients,
                       int64_t batch, int64_t heads, int64_t rank, int64_t coreCount, int64_t n, int64_t keySize, int64_t
                       topK, T *queryGradients, T *keyGradients, T *coreGradients, int32_t threads, int64_t *where);
template <class T>
int32_t expanded_bag(const T *values, const int64_t *slots, const int64_t *blocks, const T *weights, int64_t bags, int64_t
                     bagSize, int64_t coreCount, int64_t expansion, int64_t valueSize, T *out, int32_t threads);
template <class T>
int32_t expanded_bag_weights_bp(const T *values, const int64_t *slots, const int64_t *blocks, const T *outGradients,
                                int64_t bags, int64_t bagSize, int64_t coreCount, int64_t expansion, int64_t valueSize, T
                                *weightGradients, int32_t threads);

}  // namespace DM_TIER
}  // namespace dm

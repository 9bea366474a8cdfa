// The C functions of kernels.h under one name for both dtypes, so that a test is written once.
#pragma once
#include "../kernels.h"
#include "check.h"

#define DM_TYPED(NAME, FUNCTION)                                 \
  template <class T, class... Args>                              \
  int32_t NAME##_of(Args... args) {                              \
    if constexpr (sizeof(T) == 4) {                              \
      return dm_##FUNCTION##_f32(args...);                       \
    } else {                                                     \
      return dm_##FUNCTION##_f64(args...);                       \
    }                                                            \
  }                                                              \
  template <class T, class... Args>                              \
  int32_t NAME(const T *first, Args... args) {                   \
    return NAME##_of<T>(first, args...);                         \
  }

DM_TYPED(topk, product_key_topk)
DM_TYPED(select, product_key_select)
DM_TYPED(half_topk, half_topk)
DM_TYPED(merge_halves, merge_halves)
DM_TYPED(topk_bp, product_key_topk_bp)
DM_TYPED(bag, weighted_bag)
DM_TYPED(bag_bp, weighted_bag_bp)
DM_TYPED(bag_weights_bp, weighted_bag_weights_bp)
DM_TYPED(grouped, grouped_matmul)
DM_TYPED(adam, row_adam)
DM_TYPED(sgd, row_sgd)
DM_TYPED(attention, separator_attention)
DM_TYPED(attention_bp, separator_attention_bp)
DM_TYPED(decode, decode_attention)
DM_TYPED(bag_adam, bag_adam)
DM_TYPED(bag_sgd, bag_sgd)
DM_TYPED(tucker_topk, tucker_topk)
DM_TYPED(tucker_select, tucker_select)
DM_TYPED(tucker_topk_bp, tucker_topk_bp)
DM_TYPED(expanded_bag, expanded_bag)
DM_TYPED(expanded_bag_weights_bp, expanded_bag_weights_bp)

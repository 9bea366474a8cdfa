// The kernels, as a plain C ABI: pointers and sizes, no nd4j type, no JVM.
//
// Every array is contiguous, row-major, and already validated for shape and dtype by the caller.
// Sizes the caller ensures: 1 <= topK <= n <= 65536, keySize even and >= 2, valueSize >= 1; batch, bags, bagSize, accesses >= 0.
// Kernels check what only the data can tell (a slot out of range, a NaN score) BEFORE they write anything
// that the caller can see as a result, and then return a status instead of a result.
// NaN means: in any half score, or in the sum of a rank pair that is formed (p*q <= topK; infinities of both signs).
// Names of axes are those of the Java API: batch, heads, subKeys (n), slots (n*n), keySize (both halves together),
// topK, valueSize, bags, bagSize, rows (= distinct slots touched).
// `threads` is the number of worker threads to use, >= 1; results do not depend on it.
#pragma once
#include <cstdint>

#if defined(__GNUC__)
#define DM_API extern "C" __attribute__((visibility("default")))
#else
#define DM_API extern "C"
#endif

enum dm_status : int32_t {
  DM_OK = 0,
  DM_NAN = 1,           // a score is NaN; *where = flat index of the offending query (batch*heads + head)
  DM_OUT_OF_RANGE = 2,  // a slot is negative or >= slots; *where = flat index into `slots`
  DM_NO_MEMORY = 3,     // scratch memory could not be allocated
};

// One declaration per dtype: T = float (f32) and double (f64).
#define DM_KERNELS(T, SUFFIX)                                                                                        \
  /* Exact product-key top-k.                                                                                     */ \
  /*   query   [batch, heads, keySize], subKeys [heads, 2, n, keySize/2]                                          */ \
  /*   u1[i] = <q1, K1[i]>, u2[j] = <q2, K2[j]>; top-k of u1[i]+u2[j] over all n*n, slot = i*n + j                */ \
  /*   order: halves by (score desc, index asc); result, among rank pairs p*q <= topK, by (rounded sum desc,      */ \
  /*   slot asc).  scores, slots [batch, heads, topK]: assigned.                                                  */ \
  DM_API int32_t dm_product_key_topk_##SUFFIX(const T *query, const T *subKeys, int64_t batch, int64_t heads,        \
                                              int64_t n, int64_t keySize, int64_t topK, T *scores, int64_t *slots,   \
                                              int32_t threads, int64_t *where);                                     \
  /* The selection alone, on given half scores [queries, 2, n]: bit-equal on every tier.                          */ \
  DM_API int32_t dm_product_key_select_##SUFFIX(const T *halfScores, int64_t queries, int64_t n, int64_t topK,       \
                                                T *scores, int64_t *slots, int32_t threads, int64_t *where);        \
  /* One half of product_key_topk alone: the best topK of u[i] = <query[b,h], keys[h,i]>, by score descending,     */ \
  /* index ascending.  query[b,h] starts at b*queryStride + h*queryHeadStride, keys [n, length] of a head at      */ \
  /* h*keysHeadStride.  scores, indices [batch, heads, topK]: assigned.  The half scores of product_key_topk.     */ \
  DM_API int32_t dm_half_topk_##SUFFIX(const T *query, int64_t queryStride, int64_t queryHeadStride, const T *keys,  \
                                       int64_t keysHeadStride, int64_t batch, int64_t heads, int64_t n,              \
                                       int64_t length, int64_t topK, T *scores, int64_t *indices, int32_t threads,   \
                                       int64_t *where);                                                             \
  /* The other part of product_key_topk: from both halves as half_topk gives them, [queries, topK] each, to       */ \
  /* scores, slots [queries, topK]: assigned.  Out of range: an index outside [0, n), or twice in a list;         */ \
  /* *where = its flat index, counted on from indices1 to indices2.                                               */ \
  DM_API int32_t dm_merge_halves_##SUFFIX(const T *scores1, const int64_t *indices1, const T *scores2,               \
                                          const int64_t *indices2, int64_t queries, int64_t n, int64_t topK,         \
                                          T *scores, int64_t *slots, int32_t threads, int64_t *where);              \
  /* Gradient of product_key_topk: slots, scoreGradients [batch, heads, topK].                                    */ \
  /* queryGradients [batch, heads, keySize] and subKeyGradients [heads, 2, n, keySize/2]: assigned.               */ \
  DM_API int32_t dm_product_key_topk_bp_##SUFFIX(const T *query, const T *subKeys, const int64_t *slots,             \
                                                 const T *scoreGradients, int64_t batch, int64_t heads, int64_t n,   \
                                                 int64_t keySize, int64_t topK, T *queryGradients,                   \
                                                 T *subKeyGradients, int32_t threads, int64_t *where);              \
  /* out[b] = sum_k weights[b,k] * values[slots[b,k]]; slots, weights [bags, bagSize], values [slotCount,         */ \
  /* valueSize], out [bags, valueSize]: assigned.                                                                 */ \
  DM_API int32_t dm_weighted_bag_##SUFFIX(const T *values, const int64_t *slots, const T *weights, int64_t bags,     \
                                          int64_t bagSize, int64_t slotCount, int64_t valueSize, T *out,             \
                                          int32_t threads, int64_t *where);                                         \
  /* Gradient of weighted_bag over accesses grouped by dm_group_by_row.                                           */ \
  /*   outGradients [bags, valueSize]; rowGradients: gradient of rows[j] goes to row j (byRow = 0, compact) or    */ \
  /*   to row rows[j] (byRow = 1, a table-sized array): assigned.  weightGradients [bags, bagSize]: assigned, may */ \
  /*   be null.  rowGradients may be null too: then only the weight gradients are formed.                         */ \
  DM_API int32_t dm_weighted_bag_bp_##SUFFIX(const T *values, const T *weights, const T *outGradients,               \
                                             int64_t bagSize, int64_t valueSize, const int64_t *order,               \
                                             const int64_t *rows, const int64_t *starts, int64_t rowCount,           \
                                             T *rowGradients, int32_t byRow, T *weightGradients, int32_t threads);  \
  /* The gradient of weighted_bag with respect to its weights alone, which needs no grouping:                     */ \
  /* weightGradients[b,k] = <outGradients[b], values[slots[b,k]]>: assigned.  The bits of weighted_bag_bp.        */ \
  DM_API int32_t dm_weighted_bag_weights_bp_##SUFFIX(const T *values, const int64_t *slots, const T *outGradients,   \
                                                     int64_t bags, int64_t bagSize, int64_t slotCount,               \
                                                     int64_t valueSize, T *weightGradients, int32_t threads,         \
                                                     int64_t *where);                                               \
  /* Rows sorted by group times the matrix of their group: out[r] = rows[r] weights[g], starts[g] <= r < starts[g+1].*/ \
  /*   rows [rows, nIn]; weights [groups, nIn, nOut]; starts [groups+1], ascending, from 0 to rows (not checked); */ \
  /*   out [rows, nOut]: assigned.  Matrices without rows are not read.                                           */ \
  DM_API int32_t dm_grouped_matmul_##SUFFIX(const T *rows, const T *weights, const int64_t *starts,                  \
                                            int64_t groups, int64_t nIn, int64_t nOut, T *out, int32_t threads);     \
  /* Lazy Adam on touched rows. g = gradientScale * gradient; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g g;         */ \
  /* u = stepSize * m / (sqrt(v) + epsilon).  byRow says where the gradient of rows[j] stands (see above).        */ \
  /* subtract = 1: target[rows[j]] -= u.  subtract = 0: u replaces the gradient in place, target is not read.     */ \
  DM_API int32_t dm_row_adam_##SUFFIX(const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients,        \
                                      int32_t byRow, T *m, T *v, T *target, int32_t subtract, double stepSize,       \
                                      double beta1, double beta2, double epsilon, double gradientScale,              \
                                      int32_t threads);                                                             \
  /* SGD on touched rows: u = stepSize * gradient; subtract as above.                                             */ \
  DM_API int32_t dm_row_sgd_##SUFFIX(const int64_t *rows, int64_t rowCount, int64_t valueSize, T *gradients,         \
                                     int32_t byRow, T *target, int32_t subtract, double stepSize, int32_t threads); \
  /* The gradient of weighted_bag with respect to its table and row_adam (subtract = 1) on it, in one pass over   */ \
  /* the touched rows: each row of values, m and v is read and written once, and no gradient is stored. Accesses  */ \
  /* as grouped by dm_group_by_row; weights [bags, bagSize], outGradients [bags, valueSize].                      */ \
  DM_API int32_t dm_bag_adam_##SUFFIX(T *values, T *m, T *v, const T *weights, const T *outGradients,                \
                                      int64_t bagSize, int64_t valueSize, const int64_t *order, const int64_t *rows, \
                                      const int64_t *starts, int64_t rowCount, double stepSize, double beta1,        \
                                      double beta2, double epsilon, double gradientScale, int32_t threads);         \
  /* The same with SGD: values[r] -= stepSize * gradient[r].                                                      */ \
  DM_API int32_t dm_bag_sgd_##SUFFIX(T *values, const T *weights, const T *outGradients, int64_t bagSize,            \
                                     int64_t valueSize, const int64_t *order, const int64_t *rows,                   \
                                     const int64_t *starts, int64_t rowCount, double stepSize, int32_t threads);   \
  /* Causal attention to the first `initial` tokens, to separators, and to the last `window` tokens (itself one).  */ \
  /*   query, out [batch, time, heads, headSize]; keys, values [batch, time, keyValueHeads, headSize]              */ \
  /*   kinds [batch, time]: 0 a token, 1 a separator, 2 padding, which is no key, no initial token, and gets zeros */ \
  /*   head h reads key-value head h * keyValueHeads / heads; keyValueHeads divides heads; window >= 1             */ \
  /*   logSums [batch, heads, time]: logarithm of the sum of the exponentials of a query's scores (padding: inf)   */ \
  DM_API int32_t dm_separator_attention_##SUFFIX(const T *query, const T *keys, const T *values, const int8_t *kinds, \
                                                 int64_t batch, int64_t time, int64_t heads, int64_t keyValueHeads,  \
                                                 int64_t headSize, int64_t initial, int64_t window, T *out,          \
                                                 T *logSums, int32_t threads);                                      \
  /* Its gradient, from out and logSums as forward left them: assigned.                                           */ \
  DM_API int32_t dm_separator_attention_bp_##SUFFIX(                                                                 \
      const T *query, const T *keys, const T *values, const int8_t *kinds, const T *out, const T *logSums,           \
      const T *outGradients, int64_t batch, int64_t time, int64_t heads, int64_t keyValueHeads, int64_t headSize,    \
      int64_t initial, int64_t window, T *queryGradients, T *keyGradients, T *valueGradients, int32_t threads);  \
  /* Attention of one token an example to a cache of keys and values.                                              */ \
  /*   query, out [batch, heads, headSize]; keys, values [batch, keyValueHeads, capacity, headSize]                */ \
  /*   counts [batch], 0 to capacity (not checked): keys of the example, from 0 on; with none, out is zero         */ \
  /*   rotary > 0, even: so many features of a head turn, i with i + rotary/2, key j to position j and the query to */ \
  /*   position counts[b] - 1; cosines, sines [capacity or more, rotary/2].  rotary = 0: these are not read        */ \
  /*   weights [batch, heads, capacity]: the first counts[b] of a row assigned, the softmax.  out: assigned.       */ \
  /* More threads than one are used only where each has enough to read.                                            */ \
  DM_API int32_t dm_decode_attention_##SUFFIX(                                                                       \
      const T *query, const T *keys, const T *values, const int64_t *counts, const T *cosines, const T *sines,       \
      int64_t batch, int64_t heads, int64_t keyValueHeads, int64_t capacity, int64_t headSize, int64_t rotary,       \
      T *weights, T *out, int32_t threads);

DM_KERNELS(float, f32)
DM_KERNELS(double, f64)

// ---- tables of compact rows -----------------------------------------------------------------------------------------
//
// How the rows of a table are stored. values: float32, bfloat16 or int8 [slotCount, valueSize]; scales [slotCount], of an
// int8 table only: row = scale * value. Arithmetic is in float32. A row is written with stochastic rounding (compact_rows.h)
// by a hash of (seed, row, column): the same bits on every tier and for any number of threads.
enum dm_storage : int32_t { DM_FLOAT32 = 0, DM_BFLOAT16 = 1, DM_INT8 = 2 };

// weighted_bag of such a table.
DM_API int32_t dm_compact_bag(int32_t storage, const void *values, const float *scales, const int64_t *slots,
                              const float *weights, int64_t bags, int64_t bagSize, int64_t slotCount, int64_t valueSize,
                              float *out, int32_t threads, int64_t *where);
// weighted_bag_weights_bp of such a table.
DM_API int32_t dm_compact_bag_weights_bp(int32_t storage, const void *values, const float *scales, const int64_t *slots,
                                         const float *outGradients, int64_t bags, int64_t bagSize, int64_t slotCount,
                                         int64_t valueSize, float *weightGradients, int32_t threads, int64_t *where);
// bag_adam of such a table; m, v [slotCount, valueSize] float32. Its bits do not depend on the tier. rows[j] is rounded as
// row numbers[j]: numbers is rows, but where the table holds a few rows of a larger one.
DM_API int32_t dm_compact_bag_adam(int32_t storage, void *values, float *scales, float *m, float *v, const float *weights,
                                   const float *outGradients, int64_t bagSize, int64_t valueSize, const int64_t *order,
                                   const int64_t *rows, const int64_t *numbers, const int64_t *starts, int64_t rowCount,
                                   double stepSize, double beta1, double beta2, double epsilon, double gradientScale, uint64_t seed,
                                   int32_t threads);
// bag_sgd of such a table. Its bits do not depend on the tier.
DM_API int32_t dm_compact_bag_sgd(int32_t storage, void *values, float *scales, const float *weights,
                                  const float *outGradients, int64_t bagSize, int64_t valueSize, const int64_t *order,
                                  const int64_t *rows, const int64_t *numbers, const int64_t *starts, int64_t rowCount,
                                  double stepSize, uint64_t seed, int32_t threads);
// out[j] = row rows[j]; rows [rowCount] in any order, checked for range; out [rowCount, valueSize]: assigned.
DM_API int32_t dm_read_rows(int32_t storage, const void *values, const float *scales, int64_t slotCount, int64_t valueSize,
                            const int64_t *rows, int64_t rowCount, float *out, int32_t threads, int64_t *where);
// Row rows[j] = source[j]; the caller ensures that rows are distinct and in range; source [rowCount, valueSize].
DM_API int32_t dm_write_rows(int32_t storage, void *values, float *scales, int64_t valueSize, const int64_t *rows,
                             int64_t rowCount, const float *source, uint64_t seed, int32_t threads);
// All rows: normal numbers of mean 0 and this deviation, each a function of (seed, row, column).
DM_API int32_t dm_initialise_normal(int32_t storage, void *values, float *scales, int64_t slotCount, int64_t valueSize,
                                    double deviation, uint64_t seed, int32_t threads);

#include "ultramem_kernels.h"

// Sorts the accesses of a batch by slot, stably: slots [accesses] -> order [accesses] (flat positions grouped by slot,
// ascending inside a slot), rows [accesses] (distinct slots ascending; the first *rowCount are valid), starts
// [accesses+1] (accesses of rows[j] are order[starts[j] .. starts[j+1])). scratch: 2*accesses int64. Checks range.
DM_API int32_t dm_group_by_row(const int64_t *slots, int64_t accesses, int64_t slotCount, int64_t *order,
                               int64_t *rows, int64_t *starts, int64_t *scratch, int64_t *rowCount, int32_t threads,
                               int64_t *where);

// Zeroes table rows rows[0..rowCount) of a table with rowBytes bytes a row.
DM_API void dm_zero_rows(void *table, const int64_t *rows, int64_t rowCount, int64_t rowBytes, int32_t threads);

// Asks the system to back [address, address+bytes) with huge pages; returns the bytes now advised (0: not available).
DM_API int64_t dm_advise_huge_pages(void *address, int64_t bytes);

// What is chosen at run time for this processor: "avx512", "avx2" or "baseline".
DM_API const char *dm_instruction_set(void);

// The Java door: static native methods of io.github.dl4jmemory.ops.NativeFunctions.
//
// Every method takes the arguments of its C function in the order of kernels.h, without `where`: addresses and sizes as long,
// int32_t as int, double as double. Where there is a function of each dtype, isDouble comes first and chooses.
// It returns 0, or (where << 8) | status. Addresses are off-heap, and validated in Java.
#include <jni.h>

#include "../kernels.h"

#define DM_METHOD(TYPE, NAME) extern "C" JNIEXPORT TYPE JNICALL Java_io_github_dl4jmemory_ops_NativeFunctions_##NAME

// Calls the function of the dtype: DM_CALL(dm_row_sgd, ...) is dm_row_sgd_f64(...) or dm_row_sgd_f32(...).
#define DM_CALL(FUNCTION, ...) (isDouble ? FUNCTION##_f64(__VA_ARGS__) : FUNCTION##_f32(__VA_ARGS__))

namespace {

// An address from Java, as the pointer that the function wants.
struct at {
  jlong address;

  explicit at(jlong given) : address(given) {}

  template <class T>
  operator T *() const {
    return reinterpret_cast<T *>(address);
  }
};

// `where` by reference: it is read after the kernel, whose call is the other argument, has written it.
jlong result(int32_t status, const int64_t &where) { return status == DM_OK ? 0 : jlong(uint64_t(where) << 8 | uint64_t(status)); }

}  // namespace

DM_METHOD(jlong, productKeyTopk)
(JNIEnv *, jclass, jboolean isDouble, jlong query, jlong subKeys, jlong batch, jlong heads, jlong n, jlong keySize, jlong topK,
 jlong scores, jlong slots, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_product_key_topk, at(query), at(subKeys), batch, heads, n, keySize, topK, at(scores), at(slots),
                        threads, &where),
                where);
}

DM_METHOD(jlong, productKeySelect)
(JNIEnv *, jclass, jboolean isDouble, jlong halfScores, jlong queries, jlong n, jlong topK, jlong scores, jlong slots,
 jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_product_key_select, at(halfScores), queries, n, topK, at(scores), at(slots), threads, &where), where);
}

DM_METHOD(jlong, halfTopk)
(JNIEnv *, jclass, jboolean isDouble, jlong query, jlong queryStride, jlong queryHeadStride, jlong keys, jlong keysHeadStride,
 jlong batch, jlong heads, jlong n, jlong length, jlong topK, jlong scores, jlong indices, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_half_topk, at(query), queryStride, queryHeadStride, at(keys), keysHeadStride, batch, heads, n, length,
                        topK, at(scores), at(indices), threads, &where),
                where);
}

DM_METHOD(jlong, mergeHalves)
(JNIEnv *, jclass, jboolean isDouble, jlong scores1, jlong indices1, jlong scores2, jlong indices2, jlong queries, jlong n,
 jlong topK, jlong scores, jlong slots, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_merge_halves, at(scores1), at(indices1), at(scores2), at(indices2), queries, n, topK, at(scores),
                        at(slots), threads, &where),
                where);
}

DM_METHOD(jlong, productKeyTopkBp)
(JNIEnv *, jclass, jboolean isDouble, jlong query, jlong subKeys, jlong slots, jlong scoreGradients, jlong batch, jlong heads,
 jlong n, jlong keySize, jlong topK, jlong queryGradients, jlong subKeyGradients, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_product_key_topk_bp, at(query), at(subKeys), at(slots), at(scoreGradients), batch, heads, n, keySize,
                        topK, at(queryGradients), at(subKeyGradients), threads, &where),
                where);
}

DM_METHOD(jlong, weightedBag)
(JNIEnv *, jclass, jboolean isDouble, jlong values, jlong slots, jlong weights, jlong bags, jlong bagSize, jlong slotCount,
 jlong valueSize, jlong out, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_weighted_bag, at(values), at(slots), at(weights), bags, bagSize, slotCount, valueSize, at(out),
                        threads, &where),
                where);
}

DM_METHOD(jlong, weightedBagBp)
(JNIEnv *, jclass, jboolean isDouble, jlong values, jlong weights, jlong outGradients, jlong bagSize, jlong valueSize,
 jlong order, jlong rows, jlong starts, jlong rowCount, jlong rowGradients, jint byRow, jlong weightGradients, jint threads) {
  return result(DM_CALL(dm_weighted_bag_bp, at(values), at(weights), at(outGradients), bagSize, valueSize, at(order), at(rows),
                        at(starts), rowCount, at(rowGradients), byRow, at(weightGradients), threads),
                0);
}

DM_METHOD(jlong, weightedBagWeightsBp)
(JNIEnv *, jclass, jboolean isDouble, jlong values, jlong slots, jlong outGradients, jlong bags, jlong bagSize, jlong slotCount,
 jlong valueSize, jlong weightGradients, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_weighted_bag_weights_bp, at(values), at(slots), at(outGradients), bags, bagSize, slotCount, valueSize,
                        at(weightGradients), threads, &where),
                where);
}

DM_METHOD(jlong, groupedMatmul)
(JNIEnv *, jclass, jboolean isDouble, jlong rows, jlong weights, jlong starts, jlong groups, jlong nIn, jlong nOut, jlong out,
 jint threads) {
  return DM_CALL(dm_grouped_matmul, at(rows), at(weights), at(starts), groups, nIn, nOut, at(out), threads);
}

DM_METHOD(jlong, rowAdam)
(JNIEnv *, jclass, jboolean isDouble, jlong rows, jlong rowCount, jlong valueSize, jlong gradients, jint byRow, jlong m, jlong v,
 jlong target, jint subtract, jdouble stepSize, jdouble beta1, jdouble beta2, jdouble epsilon, jdouble gradientScale,
 jint threads) {
  return result(DM_CALL(dm_row_adam, at(rows), rowCount, valueSize, at(gradients), byRow, at(m), at(v), at(target), subtract,
                        stepSize, beta1, beta2, epsilon, gradientScale, threads),
                0);
}

DM_METHOD(jlong, rowSgd)
(JNIEnv *, jclass, jboolean isDouble, jlong rows, jlong rowCount, jlong valueSize, jlong gradients, jint byRow, jlong target,
 jint subtract, jdouble stepSize, jint threads) {
  return result(DM_CALL(dm_row_sgd, at(rows), rowCount, valueSize, at(gradients), byRow, at(target), subtract, stepSize, threads),
                0);
}

DM_METHOD(jlong, bagAdam)
(JNIEnv *, jclass, jboolean isDouble, jlong values, jlong m, jlong v, jlong weights, jlong outGradients, jlong bagSize,
 jlong valueSize, jlong order, jlong rows, jlong starts, jlong rowCount, jdouble stepSize, jdouble beta1, jdouble beta2,
 jdouble epsilon, jdouble gradientScale, jint threads) {
  return result(DM_CALL(dm_bag_adam, at(values), at(m), at(v), at(weights), at(outGradients), bagSize, valueSize, at(order),
                        at(rows), at(starts), rowCount, stepSize, beta1, beta2, epsilon, gradientScale, threads),
                0);
}

DM_METHOD(jlong, bagSgd)
(JNIEnv *, jclass, jboolean isDouble, jlong values, jlong weights, jlong outGradients, jlong bagSize, jlong valueSize,
 jlong order, jlong rows, jlong starts, jlong rowCount, jdouble stepSize, jint threads) {
  return result(DM_CALL(dm_bag_sgd, at(values), at(weights), at(outGradients), bagSize, valueSize, at(order), at(rows),
                        at(starts), rowCount, stepSize, threads),
                0);
}

DM_METHOD(jlong, separatorAttention)
(JNIEnv *, jclass, jboolean isDouble, jlong query, jlong keys, jlong values, jlong kinds, jlong batch, jlong time, jlong heads,
 jlong keyValueHeads, jlong headSize, jlong initial, jlong window, jlong out, jlong logSums, jint threads) {
  return result(DM_CALL(dm_separator_attention, at(query), at(keys), at(values), at(kinds), batch, time, heads, keyValueHeads,
                        headSize, initial, window, at(out), at(logSums), threads),
                0);
}

DM_METHOD(jlong, separatorAttentionBp)
(JNIEnv *, jclass, jboolean isDouble, jlong query, jlong keys, jlong values, jlong kinds, jlong out, jlong logSums,
 jlong outGradients, jlong batch, jlong time, jlong heads, jlong keyValueHeads, jlong headSize, jlong initial, jlong window,
 jlong queryGradients, jlong keyGradients, jlong valueGradients, jint threads) {
  return result(DM_CALL(dm_separator_attention_bp, at(query), at(keys), at(values), at(kinds), at(out), at(logSums),
                        at(outGradients), batch, time, heads, keyValueHeads, headSize, initial, window, at(queryGradients),
                        at(keyGradients), at(valueGradients), threads),
                0);
}

DM_METHOD(jlong, decodeAttention)
(JNIEnv *, jclass, jboolean isDouble, jlong query, jlong keys, jlong values, jlong counts, jlong cosines, jlong sines,
 jlong batch, jlong heads, jlong keyValueHeads, jlong capacity, jlong headSize, jlong rotary, jlong weights, jlong out,
 jint threads) {
  return result(DM_CALL(dm_decode_attention, at(query), at(keys), at(values), at(counts), at(cosines), at(sines), batch, heads,
                        keyValueHeads, capacity, headSize, rotary, at(weights), at(out), threads),
                0);
}

// rowCountAddress: where the number of distinct rows is stored, as one long.
DM_METHOD(jlong, groupByRow)
(JNIEnv *, jclass, jlong slots, jlong accesses, jlong slotCount, jlong order, jlong rows, jlong starts, jlong scratch,
 jlong rowCountAddress, jint threads) {
  int64_t where = 0;
  return result(dm_group_by_row(at(slots), accesses, slotCount, at(order), at(rows), at(starts), at(scratch),
                                at(rowCountAddress), threads, &where),
                where);
}

DM_METHOD(jlong, zeroRows)
(JNIEnv *, jclass, jlong table, jlong rows, jlong rowCount, jlong rowBytes, jint threads) {
  dm_zero_rows(at(table), at(rows), rowCount, rowBytes, threads);
  return 0;
}

// Returns the bytes now advised.
DM_METHOD(jlong, adviseHugePages)(JNIEnv *, jclass, jlong address, jlong bytes) {
  return dm_advise_huge_pages(at(address), bytes);
}

DM_METHOD(jlong, compactBag)
(JNIEnv *, jclass, jint storage, jlong values, jlong scales, jlong slots, jlong weights, jlong bags, jlong bagSize,
 jlong slotCount, jlong valueSize, jlong out, jint threads) {
  int64_t where = 0;
  return result(dm_compact_bag(storage, at(values), at(scales), at(slots), at(weights), bags, bagSize, slotCount, valueSize,
                               at(out), threads, &where), where);
}

DM_METHOD(jlong, compactBagWeightsBp)
(JNIEnv *, jclass, jint storage, jlong values, jlong scales, jlong slots, jlong outGradients, jlong bags, jlong bagSize,
 jlong slotCount, jlong valueSize, jlong weightGradients, jint threads) {
  int64_t where = 0;
  return result(dm_compact_bag_weights_bp(storage, at(values), at(scales), at(slots), at(outGradients), bags, bagSize,
                                          slotCount, valueSize, at(weightGradients), threads, &where), where);
}

DM_METHOD(jlong, compactBagAdam)
(JNIEnv *, jclass, jint storage, jlong values, jlong scales, jlong m, jlong v, jlong weights, jlong outGradients,
 jlong bagSize, jlong valueSize, jlong order, jlong rows, jlong numbers, jlong starts, jlong rowCount, jdouble stepSize,
 jdouble beta1, jdouble beta2, jdouble epsilon, jdouble gradientScale, jlong seed, jint threads) {
  return result(dm_compact_bag_adam(storage, at(values), at(scales), at(m), at(v), at(weights), at(outGradients), bagSize,
                                    valueSize, at(order), at(rows), at(numbers), at(starts), rowCount, stepSize, beta1, beta2,
                                    epsilon, gradientScale, uint64_t(seed), threads), 0);
}

DM_METHOD(jlong, compactBagSgd)
(JNIEnv *, jclass, jint storage, jlong values, jlong scales, jlong weights, jlong outGradients, jlong bagSize, jlong valueSize,
 jlong order, jlong rows, jlong numbers, jlong starts, jlong rowCount, jdouble stepSize, jlong seed, jint threads) {
  return result(dm_compact_bag_sgd(storage, at(values), at(scales), at(weights), at(outGradients), bagSize, valueSize,
                                   at(order), at(rows), at(numbers), at(starts), rowCount, stepSize, uint64_t(seed), threads), 0);
}

DM_METHOD(jlong, readRows)
(JNIEnv *, jclass, jint storage, jlong values, jlong scales, jlong slotCount, jlong valueSize, jlong rows, jlong rowCount,
 jlong out, jint threads) {
  int64_t where = 0;
  return result(dm_read_rows(storage, at(values), at(scales), slotCount, valueSize, at(rows), rowCount, at(out), threads,
                             &where), where);
}

DM_METHOD(jlong, writeRows)
(JNIEnv *, jclass, jint storage, jlong values, jlong scales, jlong valueSize, jlong rows, jlong rowCount, jlong source,
 jlong seed, jint threads) {
  return result(dm_write_rows(storage, at(values), at(scales), valueSize, at(rows), rowCount, at(source), uint64_t(seed),
                              threads), 0);
}

DM_METHOD(jlong, initialiseNormal)
(JNIEnv *, jclass, jint storage, jlong values, jlong scales, jlong slotCount, jlong valueSize, jdouble deviation, jlong seed,
 jint threads) {
  return result(dm_initialise_normal(storage, at(values), at(scales), slotCount, valueSize, deviation, uint64_t(seed),
                                     threads), 0);
}

DM_METHOD(jlong, tuckerTopk)
(JNIEnv *, jclass, jboolean isDouble, jlong query, jlong keys, jlong cores, jlong filters, jdouble keyEpsilon, jlong batch, jlong
 heads, jlong rank, jlong coreCount, jlong n, jlong keySize, jlong topK, jlong scores, jlong slots, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_tucker_topk, at(query), at(keys), at(cores), at(filters), keyEpsilon, batch, heads, rank, coreCount, n,
                        keySize, topK, at(scores), at(slots), threads, &where),
                where);
}

DM_METHOD(jlong, tuckerSelect)
(JNIEnv *, jclass, jboolean isDouble, jlong keyScores, jlong cores, jlong filters, jlong batch, jlong heads, jlong rank, jlong
 coreCount, jlong n, jlong topK, jlong scores, jlong slots, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_tucker_select, at(keyScores), at(cores), at(filters), batch, heads, rank, coreCount, n, topK,
                        at(scores), at(slots), threads, &where),
                where);
}

DM_METHOD(jlong, tuckerTopkBp)
(JNIEnv *, jclass, jboolean isDouble, jlong query, jlong keys, jlong cores, jlong slots, jlong scoreGradients, jlong batch,
 jlong heads, jlong rank, jlong coreCount, jlong n, jlong keySize, jlong topK, jlong queryGradients, jlong keyGradients, jlong
 coreGradients, jint threads) {
  int64_t where = 0;
  return result(DM_CALL(dm_tucker_topk_bp, at(query), at(keys), at(cores), at(slots), at(scoreGradients), batch, heads, rank,
                        coreCount, n, keySize, topK, at(queryGradients), at(keyGradients), at(coreGradients), threads,
                        &where),
                where);
}

DM_METHOD(jlong, expandedBag)
(JNIEnv *, jclass, jboolean isDouble, jlong values, jlong slots, jlong blocks, jlong weights, jlong bags, jlong bagSize, jlong
 coreCount, jlong expansion, jlong valueSize, jlong out, jint threads) {
  return result(DM_CALL(dm_expanded_bag, at(values), at(slots), at(blocks), at(weights), bags, bagSize, coreCount, expansion,
                        valueSize, at(out), threads),
                0);
}

DM_METHOD(jlong, expandedBagWeightsBp)
(JNIEnv *, jclass, jboolean isDouble, jlong values, jlong slots, jlong blocks, jlong outGradients, jlong bags, jlong bagSize,
 jlong coreCount, jlong expansion, jlong valueSize, jlong weightGradients, jint threads) {
  return result(DM_CALL(dm_expanded_bag_weights_bp, at(values), at(slots), at(blocks), at(outGradients), bags, bagSize,
                        coreCount, expansion, valueSize, at(weightGradients), threads),
                0);
}

DM_METHOD(jstring, instructionSet)(JNIEnv *env, jclass) { return env->NewStringUTF(dm_instruction_set()); }

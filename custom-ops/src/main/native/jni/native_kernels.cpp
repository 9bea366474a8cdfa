// The Java door: static native methods of io.github.dl4jmemory.ops.NativeKernels.
//
// Every method takes the arguments of its C function in the order of kernels.h, without `where`: addresses and sizes as long,
// int32_t as int, double as double. It returns 0, or (where << 8) | status. Addresses are off-heap, and validated in Java.
#include <jni.h>

#include "../kernels.h"

#define DM_METHOD(NAME) \
  extern "C" JNIEXPORT jlong JNICALL Java_io_github_dl4jmemory_ops_NativeKernels_##NAME

namespace {

template <class T>
T *at(jlong address) {
  return reinterpret_cast<T *>(address);
}

// `where` by reference: it is read after the kernel, whose call is the other argument, has written it.
jlong result(int32_t status, const int64_t &where) { return status == DM_OK ? 0 : jlong(uint64_t(where) << 8 | uint64_t(status)); }

}  // namespace

#define DM_JNI(T, SUFFIX, JAVA)                                                                                             \
  DM_METHOD(productKeyTopk##JAVA)                                                                                           \
  (JNIEnv *, jclass, jlong query, jlong subKeys, jlong batch, jlong heads, jlong n, jlong keySize, jlong topK, jlong scores, \
   jlong slots, jint threads) {                                                                                             \
    int64_t where = 0;                                                                                                      \
    return result(dm_product_key_topk_##SUFFIX(at<T>(query), at<T>(subKeys), batch, heads, n, keySize, topK, at<T>(scores), \
                                               at<int64_t>(slots), threads, &where),                                        \
                  where);                                                                                                   \
  }                                                                                                                         \
  DM_METHOD(productKeySelect##JAVA)                                                                                         \
  (JNIEnv *, jclass, jlong halfScores, jlong queries, jlong n, jlong topK, jlong scores, jlong slots, jint threads) {       \
    int64_t where = 0;                                                                                                      \
    return result(dm_product_key_select_##SUFFIX(at<T>(halfScores), queries, n, topK, at<T>(scores), at<int64_t>(slots),    \
                                                 threads, &where),                                                          \
                  where);                                                                                                   \
  }                                                                                                                         \
  DM_METHOD(productKeyTopkBp##JAVA)                                                                                         \
  (JNIEnv *, jclass, jlong query, jlong subKeys, jlong slots, jlong scoreGradients, jlong batch, jlong heads, jlong n,      \
   jlong keySize, jlong topK, jlong queryGradients, jlong subKeyGradients, jint threads) {                                  \
    int64_t where = 0;                                                                                                      \
    return result(dm_product_key_topk_bp_##SUFFIX(at<T>(query), at<T>(subKeys), at<int64_t>(slots), at<T>(scoreGradients),  \
                                                  batch, heads, n, keySize, topK, at<T>(queryGradients),                    \
                                                  at<T>(subKeyGradients), threads, &where),                                 \
                  where);                                                                                                   \
  }                                                                                                                         \
  DM_METHOD(weightedBag##JAVA)                                                                                              \
  (JNIEnv *, jclass, jlong values, jlong slots, jlong weights, jlong bags, jlong bagSize, jlong slotCount, jlong valueSize, \
   jlong out, jint threads) {                                                                                               \
    int64_t where = 0;                                                                                                      \
    return result(dm_weighted_bag_##SUFFIX(at<T>(values), at<int64_t>(slots), at<T>(weights), bags, bagSize, slotCount,     \
                                           valueSize, at<T>(out), threads, &where),                                         \
                  where);                                                                                                   \
  }                                                                                                                         \
  DM_METHOD(weightedBagBp##JAVA)                                                                                            \
  (JNIEnv *, jclass, jlong values, jlong weights, jlong outGradients, jlong bagSize, jlong valueSize, jlong order,          \
   jlong rows, jlong starts, jlong rowCount, jlong rowGradients, jint byRow, jlong weightGradients, jint threads) {         \
    return result(dm_weighted_bag_bp_##SUFFIX(at<T>(values), at<T>(weights), at<T>(outGradients), bagSize, valueSize,       \
                                              at<int64_t>(order), at<int64_t>(rows), at<int64_t>(starts), rowCount,         \
                                              at<T>(rowGradients), byRow, at<T>(weightGradients), threads),                 \
                  0);                                                                                                       \
  }                                                                                                                         \
  DM_METHOD(rowAdam##JAVA)                                                                                                  \
  (JNIEnv *, jclass, jlong rows, jlong rowCount, jlong valueSize, jlong gradients, jint byRow, jlong m, jlong v,            \
   jlong target, jint subtract, jdouble stepSize, jdouble beta1, jdouble beta2, jdouble epsilon, jdouble gradientScale,     \
   jint threads) {                                                                                                          \
    return result(dm_row_adam_##SUFFIX(at<int64_t>(rows), rowCount, valueSize, at<T>(gradients), byRow, at<T>(m), at<T>(v), \
                                       at<T>(target), subtract, stepSize, beta1, beta2, epsilon, gradientScale, threads),   \
                  0);                                                                                                       \
  }                                                                                                                         \
  DM_METHOD(rowSgd##JAVA)                                                                                                   \
  (JNIEnv *, jclass, jlong rows, jlong rowCount, jlong valueSize, jlong gradients, jint byRow, jlong target, jint subtract, \
   jdouble stepSize, jint threads) {                                                                                        \
    return result(dm_row_sgd_##SUFFIX(at<int64_t>(rows), rowCount, valueSize, at<T>(gradients), byRow, at<T>(target),       \
                                      subtract, stepSize, threads),                                                         \
                  0);                                                                                                       \
  }                                                                                                                         \
  DM_METHOD(bagAdam##JAVA)                                                                                                  \
  (JNIEnv *, jclass, jlong values, jlong m, jlong v, jlong weights, jlong outGradients, jlong bagSize, jlong valueSize,     \
   jlong order, jlong rows, jlong starts, jlong rowCount, jdouble stepSize, jdouble beta1, jdouble beta2, jdouble epsilon,  \
   jdouble gradientScale, jint threads) {                                                                                   \
    return result(dm_bag_adam_##SUFFIX(at<T>(values), at<T>(m), at<T>(v), at<T>(weights), at<T>(outGradients), bagSize,     \
                                       valueSize, at<int64_t>(order), at<int64_t>(rows), at<int64_t>(starts), rowCount,     \
                                       stepSize, beta1, beta2, epsilon, gradientScale, threads),                            \
                  0);                                                                                                       \
  }                                                                                                                         \
  DM_METHOD(bagSgd##JAVA)                                                                                                   \
  (JNIEnv *, jclass, jlong values, jlong weights, jlong outGradients, jlong bagSize, jlong valueSize, jlong order,          \
   jlong rows, jlong starts, jlong rowCount, jdouble stepSize, jint threads) {                                              \
    return result(dm_bag_sgd_##SUFFIX(at<T>(values), at<T>(weights), at<T>(outGradients), bagSize, valueSize,               \
                                      at<int64_t>(order), at<int64_t>(rows), at<int64_t>(starts), rowCount, stepSize,       \
                                      threads),                                                                             \
                  0);                                                                                                       \
  }                                                                                                                         \

DM_JNI(float, f32, F32)
DM_JNI(double, f64, F64)

// rowCountAddress: where the number of distinct rows is stored, as one long.
DM_METHOD(groupByRow)
(JNIEnv *, jclass, jlong slots, jlong accesses, jlong slotCount, jlong order, jlong rows, jlong starts, jlong scratch,
 jlong rowCountAddress, jint threads) {
  int64_t where = 0;
  return result(dm_group_by_row(at<int64_t>(slots), accesses, slotCount, at<int64_t>(order), at<int64_t>(rows),
                                at<int64_t>(starts), at<int64_t>(scratch), at<int64_t>(rowCountAddress), threads, &where),
                where);
}

DM_METHOD(zeroRows)
(JNIEnv *, jclass, jlong table, jlong rows, jlong rowCount, jlong rowBytes, jint threads) {
  dm_zero_rows(at<void>(table), at<int64_t>(rows), rowCount, rowBytes, threads);
  return 0;
}

// Returns the bytes now advised.
DM_METHOD(adviseHugePages)(JNIEnv *, jclass, jlong address, jlong bytes) {
  return dm_advise_huge_pages(at<void>(address), bytes);
}

extern "C" JNIEXPORT jstring JNICALL Java_io_github_dl4jmemory_ops_NativeKernels_instructionSet(JNIEnv *env, jclass) {
  return env->NewStringUTF(dm_instruction_set());
}

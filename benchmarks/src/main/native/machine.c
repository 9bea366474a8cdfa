// The machine's limits, as plain loops: sequential read bandwidth, and float multiply-adds in registers.
// Compiled by benchmarks/compare with -O3 -march=native -fopenmp; called by Machine.java.
#include <jni.h>
#include <omp.h>
#include <stdint.h>

static volatile uint64_t sink;

JNIEXPORT jdouble JNICALL Java_io_github_dl4jmemory_bench_Machine_readBandwidth(JNIEnv *env, jclass type, jlong address,
                                                                                jlong bytes, jint threads) {
  (void)env;
  (void)type;
  const uint64_t *words = (const uint64_t *)(intptr_t)address;
  const int64_t count = bytes / 8;
  uint64_t sum = 0;
  const double start = omp_get_wtime();
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : sum)
  for (int64_t i = 0; i < count; i++) sum += words[i];
  const double seconds = omp_get_wtime() - start;
  sink = sum;
  return (double)bytes / seconds;
}

typedef float lanes __attribute__((vector_size(64)));
enum { CHAINS = 12, ROUNDS = 10000000 };

JNIEXPORT jdouble JNICALL Java_io_github_dl4jmemory_bench_Machine_peakFlops(JNIEnv *env, jclass type, jint threads) {
  (void)env;
  (void)type;
  float total = 0;
  const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads) reduction(+ : total)
  {
    lanes chain[CHAINS];
    for (int c = 0; c < CHAINS; c++) chain[c] = (lanes){(float)c};
    const lanes factor = {0.5f}, term = {1.0f};
    for (int64_t round = 0; round < ROUNDS; round++) {
      for (int c = 0; c < CHAINS; c++) chain[c] = chain[c] * factor + term;  // one multiply-add a lane
    }
    for (int c = 0; c < CHAINS; c++) total += chain[c][0];
  }
  const double seconds = omp_get_wtime() - start;
  sink = (uint64_t)total;
  return 2.0 * 16 * CHAINS * ROUNDS * threads / seconds;
}

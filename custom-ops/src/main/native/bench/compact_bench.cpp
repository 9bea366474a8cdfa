// Times the kernels of compact tables beside those of float32, alternating: compact_bench [threads] [slots] [valueSize] [runs]
//
// Defaults: 1 thread, 2097152 slots of 256 values (2 GiB as float32), 9 runs; 1024 bags of 128 accesses. Every figure is the
// median over the runs; ratios are medians of the ratios of one round. With one thread the time is that of the thread.
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <vector>

#include "../kernels.h"

namespace {

int threads = 1;
int64_t slotCount = 1 << 21, valueSize = 256;
constexpr int64_t kBags = 1024, kBagSize = 128;

double now() {
  timespec t;
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

void *mapped(int64_t bytes) {
  void *const memory = mmap(nullptr, size_t(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) exit(1);
  dm_advise_huge_pages(memory, bytes);
  return memory;
}

struct Table {
  Table(const char *named, int32_t kind, int64_t width)
      : name(named), storage(kind), bytes(slotCount * valueSize * width + (4 << 20)), values(mapped(bytes)),
        scales(static_cast<float *>(mapped(slotCount * 4 + (4 << 20)))) {
    dm_initialise_normal(storage, values, scales, slotCount, valueSize, 0.1, 1, threads);
  }
  const char *name;
  int32_t storage;
  int64_t bytes;
  void *values;
  float *scales;
};

// Runs the work on every table in turn; prints times, GB/s of stored rows, and the ratio to float32.
void compare(const char *what, const std::vector<Table *> &tables, int runs, double rows, const std::function<void(Table &)> &work) {
  std::vector<std::vector<double>> times(tables.size());
  for (int r = -1; r < runs; r++) {
    for (size_t i = 0; i < tables.size(); i++) {
      const double from = now();
      work(*tables[i]);
      if (r >= 0) times[i].push_back(now() - from);
    }
  }
  for (size_t i = 0; i < tables.size(); i++) {
    std::vector<double> ratios;
    for (int r = 0; r < runs; r++) ratios.push_back(times[i][size_t(r)] / times[0][size_t(r)]);
    const double width = i == 0 ? 4 : i == 1 ? 2 : 1;
    printf("%-20s %-9s %9.2f ms  %6.2f GB/s of rows  x%.2f of float32\n", what, tables[i]->name, median(times[i]) * 1e3,
           rows * double(valueSize) * width / median(times[i]) / 1e9, median(ratios));
  }
}

}  // namespace

int main(int argc, char **argv) {
  if (argc > 1) threads = atoi(argv[1]);
  if (argc > 2) slotCount = atoll(argv[2]);
  if (argc > 3) valueSize = atoll(argv[3]);
  const int runs = argc > 4 ? atoi(argv[4]) : 9;
  printf("%s, %d threads, %lld slots of %lld values\n", dm_instruction_set(), threads, (long long)slotCount, (long long)valueSize);
  Table floats("float32", DM_FLOAT32, 4), halves("bfloat16", DM_BFLOAT16, 2), bytes("int8", DM_INT8, 1);
  const std::vector<Table *> tables = {&floats, &halves, &bytes};
  std::mt19937_64 random(20260101);
  std::normal_distribution<float> normal;
  const int64_t accesses = kBags * kBagSize;
  std::vector<int64_t> slots(accesses), order(accesses), rows(accesses), starts(accesses + 1), scratch(2 * accesses);
  std::vector<float> weights(accesses), out(size_t(kBags * valueSize)), gradients(out.size()), weightGradients(accesses);
  for (int64_t &slot : slots) slot = int64_t(random() % uint64_t(slotCount));
  for (float &x : weights) x = normal(random);
  for (float &x : gradients) x = normal(random);
  int64_t where = 0, rowCount = 0;
  dm_group_by_row(slots.data(), accesses, slotCount, order.data(), rows.data(), starts.data(), scratch.data(), &rowCount, threads,
                  &where);

  compare("bag", tables, runs, double(accesses), [&](Table &t) {
    if (t.storage == DM_FLOAT32) {
      dm_weighted_bag_f32(static_cast<float *>(t.values), slots.data(), weights.data(), kBags, kBagSize, slotCount, valueSize,
                          out.data(), threads, &where);
    } else {
      dm_compact_bag(t.storage, t.values, t.scales, slots.data(), weights.data(), kBags, kBagSize, slotCount, valueSize, out.data(),
                     threads, &where);
    }
  });
  compare("weight gradients", tables, runs, double(accesses), [&](Table &t) {
    if (t.storage == DM_FLOAT32) {
      dm_weighted_bag_weights_bp_f32(static_cast<float *>(t.values), slots.data(), gradients.data(), kBags, kBagSize, slotCount,
                                     valueSize, weightGradients.data(), threads, &where);
    } else {
      dm_compact_bag_weights_bp(t.storage, t.values, t.scales, slots.data(), gradients.data(), kBags, kBagSize, slotCount,
                                valueSize, weightGradients.data(), threads, &where);
    }
  });
  uint64_t seed = 0;
  compare("gradient and SGD", tables, runs, 2 * double(rowCount), [&](Table &t) {
    if (t.storage == DM_FLOAT32) {
      dm_bag_sgd_f32(static_cast<float *>(t.values), weights.data(), gradients.data(), kBagSize, valueSize, order.data(),
                     rows.data(), starts.data(), rowCount, 1e-5, threads);
    } else {
      dm_compact_bag_sgd(t.storage, t.values, t.scales, weights.data(), gradients.data(), kBagSize, valueSize, order.data(),
                         rows.data(), rows.data(), starts.data(), rowCount, 1e-5, seed++, threads);
    }
  });
  float *const m = static_cast<float *>(mapped(slotCount * valueSize * 4)), *const v = static_cast<float *>(mapped(slotCount * valueSize * 4));
  compare("gradient and Adam", tables, runs, 2 * double(rowCount), [&](Table &t) {
    if (t.storage == DM_FLOAT32) {
      dm_bag_adam_f32(static_cast<float *>(t.values), m, v, weights.data(), gradients.data(), kBagSize, valueSize, order.data(),
                      rows.data(), starts.data(), rowCount, 1e-5, 0.9, 0.999, 1e-8, 1, threads);
    } else {
      dm_compact_bag_adam(t.storage, t.values, t.scales, m, v, weights.data(), gradients.data(), kBagSize, valueSize, order.data(),
                          rows.data(), rows.data(), starts.data(), rowCount, 1e-5, 0.9, 0.999, 1e-8, 1, seed++, threads);
    }
  });
  compare("initialise", tables, std::min(runs, 3), double(slotCount), [&](Table &t) {
    dm_initialise_normal(t.storage, t.values, t.scales, slotCount, valueSize, 0.1, seed++, threads);
  });
  return 0;
}

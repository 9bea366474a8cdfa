// Checks each kernel against a spot value, then times it beside its floor: kernel_bench [threads] [table slots] [runs] [parts]
//
// Defaults: 2 threads, 1048576 slots of 512 floats (2 GiB), 11 runs, parts "lsb": l lookup, s selection, b bag,
// u Tucker lookup and expanded bag (UltraMem), d decoding from a cache, t forward + backward + Adam (7 GiB at the default size), f gather + update with 64 floats at 512K and at 16M slots (5 GiB).
// The floors (an FMA loop, a sequential read of the table) are measured in the same run, alternating with the kernel: every
// figure is the median over the runs, with the least in brackets; shares are medians of the ratios of neighbouring runs.
#include <omp.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "../kernels.h"

namespace {

int threads = 2, runs = 11;
std::mt19937_64 bits(20260101);

// Wall time; with one thread, the time that this thread had a processor, which a busy machine disturbs less.
double now() {
  timespec t;
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}
double seconds(const std::function<void()> &work) {
  const double from = now();
  work();
  return now() - from;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

// Runs `work` and `floor` in alternation; prints times, and how much of the floor's rate the work reached.
void compare(const char *name, double workUnits, const std::function<void()> &work, double floorUnits,
             const std::function<void()> &floor, const char *unit) {
  std::vector<double> times, shares;
  work();
  for (int r = 0; r < runs; r++) {
    const double bare = seconds(floor), time = seconds(work);
    times.push_back(time);
    shares.push_back(workUnits / time / (floorUnits / bare));
  }
  const double time = median(times);
  printf("%-28s %9.3f ms (%9.3f)  %8.2f %s  share %.2f\n", name, time * 1e3, *std::min_element(times.begin(), times.end()) * 1e3,
         workUnits / time / 1e9, unit, median(shares));
}

void require(bool right, const char *what) {
  if (right) return;
  printf("wrong result: %s\n", what);
  exit(1);
}

// A table on huge pages where the system gives them.
struct Table {
  explicit Table(int64_t count) : bytes(count * 4 + (4 << 20)) {
    data = static_cast<float *>(mmap(nullptr, size_t(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    require(data != MAP_FAILED, "memory for a table");
    huge = dm_advise_huge_pages(data, bytes);
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < count; i++) data[i] = float((uint64_t(i) * 2654435761u >> 8) % 2001) * 1e-3f - 1.0f;
  }
  ~Table() { munmap(data, size_t(bytes)); }
  Table(const Table &) = delete;
  Table &operator=(const Table &) = delete;
  int64_t bytes, huge = 0;
  float *data;
};

std::vector<float> normals(int64_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> v(static_cast<size_t>(count));
  for (float &x : v) x = normal(bits);
  return v;
}

std::vector<int64_t> slots_below(int64_t count, int64_t below) {
  std::vector<int64_t> v(static_cast<size_t>(count));
  for (int64_t &x : v) x = int64_t(bits() % uint64_t(below));
  return v;
}

// 12 independent chains of multiply-adds a thread.
constexpr int64_t kChainSteps = 1 << 21;
volatile float sink;
#if defined(__x86_64__)
__attribute__((target("avx2,fma")))
#endif
void multiply_adds() {
#if defined(__x86_64__)
  typedef float Lane8 __attribute__((vector_size(32)));
#pragma omp parallel num_threads(threads)
  {
    Lane8 a[12], x = {}, y = {};
    for (int i = 0; i < 8; i++) x[i] = 0.999f, y[i] = 1e-3f;
    for (Lane8 &v : a) v = x;
    for (int64_t s = 0; s < kChainSteps; s++) {
#pragma GCC unroll 12
      for (int j = 0; j < 12; j++) a[j] = a[j] * x + y;
    }
    Lane8 sum = {};
    for (Lane8 &v : a) sum += v;
    sink = sum[0];
  }
#endif
}
double multiply_add_operations() { return 2.0 * 8 * 12 * double(kChainSteps) * threads; }

void read_all(const float *table, int64_t count) {
  float total = 0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
  {
    typedef float Lane16 __attribute__((vector_size(64), aligned(4)));
    Lane16 a[4] = {};
    const int64_t team = omp_get_num_threads(), me = omp_get_thread_num();
    const int64_t low = count / 64 * me / team, high = count / 64 * (me + 1) / team;
    for (int64_t i = low; i < high; i++) {
      for (int j = 0; j < 4; j++) a[j] += *reinterpret_cast<const Lane16 *>(table + i * 64 + j * 16);
    }
    a[0] += a[1] + a[2] + a[3];
    for (int j = 0; j < 16; j++) total += a[0][j];
  }
  sink = total;
}

void lookup(int64_t tokens) {
  const int64_t heads = 4, n = 1024, keySize = 256, topK = 32;
  const std::vector<float> query = normals(tokens * heads * keySize), keys = normals(heads * n * keySize);
  std::vector<float> scores(size_t(tokens * heads * topK));
  std::vector<int64_t> slots(scores.size());
  int64_t where = 0;
  const auto run = [&] {
    for (int64_t again = 0; again < (tokens == 1 ? 50 : 1); again++) {
      dm_product_key_topk_f32(query.data(), keys.data(), tokens, heads, n, keySize, topK, scores.data(), slots.data(), threads,
                              &where);
    }
  };
  run();
  double sum = 0;
  for (int64_t c = 0; c < keySize; c++) {
    const int64_t half = c >= keySize / 2, row = half ? slots[0] % n : slots[0] / n;
    sum += double(query[size_t(c)]) * double(keys[size_t((half * n + row) * keySize / 2 + c % (keySize / 2))]);
  }
  require(std::fabs(sum - double(scores[0])) < 1e-3, "lookup");
  char name[80];
  snprintf(name, sizeof name, "lookup, %lld tokens%s", (long long)tokens, tokens == 1 ? " x 50" : "");
  const double again = tokens == 1 ? 50 : 1;
  compare(name, again * 2.0 * double(tokens * heads * n * keySize), run, multiply_add_operations(), multiply_adds, "GFLOP/s");
}

void selection() {
  const int64_t queries = 4096, n = 1024, topK = 32;
  const std::vector<float> halves = normals(queries * 2 * n);
  std::vector<float> scores(size_t(queries * topK));
  std::vector<int64_t> slots(scores.size());
  int64_t where = 0;
  compare("selection, 4096 queries", double(queries * 2 * n * 4), [&] {
    dm_product_key_select_f32(halves.data(), queries, n, topK, scores.data(), slots.data(), threads, &where);
  }, double(queries * 2 * n * 4), [&] { read_all(halves.data(), queries * 2 * n); }, "GB/s   ");
}

// UltraMem of 227M parameters: heads 2, rank 2, cores 2, n = 2 * 808, keySize 192, topK 80; bags of 160, valueSize 384, expansion 4.
void tucker(int64_t tokens, int64_t keySize) {
  const int64_t heads = 2, rank = 2, coreCount = 2, n = 1616, topK = 80;
  const std::vector<float> query = normals(tokens * heads * 2 * rank * keySize), keys = normals(heads * 2 * rank * n * keySize);
  const std::vector<float> cores(size_t(heads * coreCount * rank * rank), 0.5f), filters(size_t(heads * 2 * rank), 0.7f);
  std::vector<float> scores(size_t(tokens * heads * topK * coreCount));
  std::vector<int64_t> slots(size_t(tokens * heads * topK));
  int64_t where = 0;
  const auto run = [&] {
    dm_tucker_topk_f32(query.data(), keys.data(), cores.data(), filters.data(), 0, tokens, heads, rank, coreCount, n, keySize, topK,
                       scores.data(), slots.data(), threads, &where);
  };
  run();
  double sums[2] = {};  // with equal elements a core multiplies the sums over the ranks
  for (int64_t line = 0; line < 2 * rank; line++) {
    const int64_t key = line < rank ? slots[0] / n : slots[0] % n;
    for (int64_t c = 0; c < keySize; c++) {
      sums[line / rank] += double(query[size_t(line * keySize + c)]) * double(keys[size_t((line * n + key) * keySize + c)]);
    }
  }
  require(std::fabs(0.5 * sums[0] * sums[1] / double(scores[0]) - 1) < 1e-4, "Tucker lookup");
  char name[80];
  snprintf(name, sizeof name, "Tucker %lld, %lld tokens", (long long)keySize, (long long)tokens);
  compare(name, 2.0 * double(tokens * heads * 2 * rank * n * keySize), run, multiply_add_operations(), multiply_adds, "GFLOP/s");
}

void tucker_selection() {
  const int64_t tokens = 256, heads = 2, rank = 2, coreCount = 2, n = 1616, topK = 80;
  const std::vector<float> keyScores = normals(tokens * heads * 2 * rank * n);
  const std::vector<float> cores(size_t(heads * coreCount * rank * rank), 0.5f), filters(size_t(heads * 2 * rank), 0.7f);
  std::vector<float> scores(size_t(tokens * heads * topK * coreCount));
  std::vector<int64_t> slots(size_t(tokens * heads * topK));
  int64_t where = 0;
  compare("Tucker selection, 512 queries", double(keyScores.size() * 4), [&] {
    dm_tucker_select_f32(keyScores.data(), cores.data(), filters.data(), tokens, heads, rank, coreCount, n, topK, scores.data(),
                         slots.data(), threads, &where);
  }, double(keyScores.size() * 4), [&] { read_all(keyScores.data(), int64_t(keyScores.size())); }, "GB/s   ");
}

void expanded(int64_t bags) {
  const int64_t slotCount = 808 * 808, valueSize = 384, bagSize = 160, coreCount = 2, expansion = 4;
  Table table(slotCount * valueSize);
  const std::vector<int64_t> slots = slots_below(bags * bagSize, slotCount), blocks = slots_below(bags * bagSize, expansion);
  const std::vector<float> weights = normals(bags * bagSize * coreCount);
  std::vector<float> out(size_t(bags * expansion * valueSize)), gradients(weights.size());
  const double bytes = double(bags * bagSize * valueSize * 4);
  const auto floor = [&] { read_all(table.data, slotCount * valueSize / 4); };
  char name[80];
  snprintf(name, sizeof name, "expanded bag, %lld tokens", (long long)bags);
  compare(name, bytes, [&] {
    dm_expanded_bag_f32(table.data, slots.data(), blocks.data(), weights.data(), bags, bagSize, coreCount, expansion, valueSize,
                        out.data(), threads);
  }, double(slotCount * valueSize), floor, "GB/s   ");
  snprintf(name, sizeof name, "  its weights, %lld tokens", (long long)bags);
  compare(name, bytes, [&] {
    dm_expanded_bag_weights_bp_f32(table.data, slots.data(), blocks.data(), out.data(), bags, bagSize, coreCount, expansion,
                                   valueSize, gradients.data(), threads);
  }, double(slotCount * valueSize), floor, "GB/s   ");
}

struct Batch {
  Batch(int64_t bagCount, int64_t size, int64_t slotCount)
      : bags(bagCount), bagSize(size), slots(slots_below(bags * size, slotCount)), weights(normals(bags * size)),
        order(slots.size()), rows(slots.size()), starts(slots.size() + 1), scratch(2 * slots.size()) {}
  void group(int64_t slotCount) {
    int64_t where = 0;
    dm_group_by_row(slots.data(), bags * bagSize, slotCount, order.data(), rows.data(), starts.data(), scratch.data(), &rowCount,
                    threads, &where);
  }
  int64_t bags, bagSize, rowCount = 0;
  std::vector<int64_t> slots;
  std::vector<float> weights;
  std::vector<int64_t> order, rows, starts, scratch;
};

void check_bag(const float *values, const Batch &b, int64_t valueSize, const std::vector<float> &out) {
  double sum = 0;
  for (int64_t k = 0; k < b.bagSize; k++) sum += double(b.weights[size_t(k)]) * double(values[b.slots[size_t(k)] * valueSize]);
  require(std::fabs(sum - double(out[0])) < 1e-3, "bag");
}

void bag(int64_t slotCount, int64_t bags) {
  const int64_t valueSize = 512;
  Table table(slotCount * valueSize);
  printf("table %.2f GiB, %.0f %% on huge pages\n", double(slotCount * valueSize * 4) / (1 << 30),
         100.0 * double(table.huge) / double(table.bytes));
  for (int64_t many : {bags, int64_t(1)}) {
    Batch b(many, 128, slotCount);
    std::vector<float> out(size_t(many * valueSize));
    int64_t where = 0;
    const auto run = [&] {
      dm_weighted_bag_f32(table.data, b.slots.data(), b.weights.data(), many, b.bagSize, slotCount, valueSize, out.data(), threads,
                          &where);
    };
    run();
    check_bag(table.data, b, valueSize, out);
    const int64_t floorCount = std::min(slotCount * valueSize, int64_t(1) << 27);
    compare(many == 1 ? "bag, 1 token" : "bag, 1024 tokens", double(many * b.bagSize * valueSize * 4), run, double(floorCount * 4),
            [&] { read_all(table.data, floorCount); }, "GB/s   ");
  }
}

// Forward, grouping, weight gradients, and the gradient of the table with its update in one pass.
void step(int64_t slotCount, int64_t valueSize, int64_t bags, int64_t bagSize, bool adam, const char *name) {
  Table values(slotCount * valueSize), m(adam ? slotCount * valueSize : 64), v(adam ? slotCount * valueSize : 64);
  Batch b(bags, bagSize, slotCount);
  const std::vector<float> outGradients = normals(bags * valueSize);
  std::vector<float> out(outGradients.size()), weightGradients(b.slots.size());
  int64_t where = 0;
  double parts[4] = {1e9, 1e9, 1e9, 1e9};
  const auto forward = [&] {
    dm_weighted_bag_f32(values.data, b.slots.data(), b.weights.data(), bags, bagSize, slotCount, valueSize, out.data(), threads,
                        &where);
  };
  const auto backward = [&] {
    dm_weighted_bag_bp_f32(values.data, b.weights.data(), outGradients.data(), bagSize, valueSize, b.order.data(), b.rows.data(),
                           b.starts.data(), b.rowCount, nullptr, 0, weightGradients.data(), threads);
  };
  const auto update = [&] {
    if (adam) {
      dm_bag_adam_f32(values.data, m.data, v.data, b.weights.data(), outGradients.data(), bagSize, valueSize, b.order.data(),
                      b.rows.data(), b.starts.data(), b.rowCount, 1e-3, 0.9, 0.999, 1e-8, 1.0, threads);
    } else {
      dm_bag_sgd_f32(values.data, b.weights.data(), outGradients.data(), bagSize, valueSize, b.order.data(), b.rows.data(),
                     b.starts.data(), b.rowCount, 1e-3, threads);
    }
  };
  forward();
  check_bag(values.data, b, valueSize, out);
  b.group(slotCount);
  const double bytes = double(b.slots.size()) * double(valueSize) * 4 + double(b.rowCount) * double(valueSize) * 4 * (adam ? 7 : 3);
  const int64_t floorCount = std::min(slotCount * valueSize, int64_t(1) << 27);
  compare(name, bytes, [&] {
    parts[0] = std::min(parts[0], seconds(forward));
    parts[1] = std::min(parts[1], seconds([&] { b.group(slotCount); }));
    parts[2] = std::min(parts[2], seconds(backward));
    parts[3] = std::min(parts[3], seconds(update));
  }, double(floorCount * 4), [&] { read_all(values.data, floorCount); }, "GB/s   ");
  printf("   least: forward %.2f ms, group %.2f ms, weight gradients %.2f ms, gradient and update %.2f ms; %lld rows\n",
         parts[0] * 1e3, parts[1] * 1e3, parts[2] * 1e3, parts[3] * 1e3, (long long)b.rowCount);
}

// One token for each text against a cache of 562 keys and values a head, of size 64; rotary features of each turn.
void decode(int64_t texts, int64_t heads, int64_t keyValueHeads, int64_t rotary, const char *name) {
  const int64_t kept = 562, size = 64, numbers = texts * keyValueHeads * kept * size;
  Table keys(numbers), values(numbers);
  const std::vector<float> query = normals(texts * heads * size);
  std::vector<float> cosines(static_cast<size_t>(kept * rotary / 2 + 1), 0.6f), sines(cosines.size(), 0.8f);
  std::vector<float> weights(static_cast<size_t>(texts * heads * kept)), out(query.size());
  const std::vector<int64_t> counts(static_cast<size_t>(texts), kept);
  const auto run = [&] {
    dm_decode_attention_f32(query.data(), keys.data, values.data, counts.data(), cosines.data(), sines.data(), texts, heads,
                            keyValueHeads, kept, size, rotary, weights.data(), out.data(), threads);
  };
  run();
  double sum = 0, first = 0;  // of the weights of a head, and its first output from them
  for (int64_t j = 0; j < kept; j++) {
    sum += double(weights[size_t(j)]);
    first += double(weights[size_t(j)]) * double(values.data[j * size]);
  }
  require(std::fabs(sum - 1) < 1e-5 && std::fabs(first - double(out[0])) < 1e-4, "decoding");
  compare(name, double(2 * numbers * 4), run, double(2 * numbers * 4), [&] {
    read_all(keys.data, numbers);
    read_all(values.data, numbers);
  }, "GB/s   ");
}

}  // namespace

int main(int argc, char **argv) {
  if (argc > 1) threads = atoi(argv[1]);
  const int64_t slotCount = argc > 2 ? atoll(argv[2]) : 1 << 20;
  if (argc > 3) runs = atoi(argv[3]);
  const char *parts = argc > 4 ? argv[4] : "lsb";
  printf("%s, %d threads, %d runs, least time in brackets\n", dm_instruction_set(), threads, runs);
  if (strchr(parts, 'l')) {
    lookup(1024);
    lookup(64);
    lookup(16);
    lookup(1);
  }
  if (strchr(parts, 's')) selection();
  if (strchr(parts, 'u')) {
    for (int64_t tokens : {256, 16, 1}) tucker(tokens, 192);
    tucker(256, 96);
    tucker_selection();
    expanded(256);
    expanded(1);
  }
  if (strchr(parts, 'd')) {
    decode(1, 12, 12, 0, "decode, 1 text");
    decode(1, 12, 12, 64, "decode, 1 text, rotary");
    decode(16, 12, 12, 0, "decode, 16 texts");
    decode(16, 12, 12, 64, "decode, 16 texts, rotary");
    decode(32, 32, 8, 64, "decode, 32 texts, groups of 4");
  }
  if (strchr(parts, 'b')) bag(slotCount, 1024);
  if (strchr(parts, 't')) step(slotCount, 512, 1024, 128, true, "step with Adam");
  if (strchr(parts, 'f')) {
    step(int64_t(512) << 10, 64, 1024, 128, false, "step with SGD, 512K slots");
    step(int64_t(16) << 20, 64, 1024, 128, false, "step with SGD, 16M slots");
  }
  return 0;
}

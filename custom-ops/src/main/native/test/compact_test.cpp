// Tables of compact rows against plain loops: what is written has their bits, on every tier and for any number of threads.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include "check.h"
#include "../kernels.h"

namespace {

const int32_t kStorages[] = {DM_FLOAT32, DM_BFLOAT16, DM_INT8};
const int64_t kValueSizes[] = {1, 7, 8, 15, 16, 17, 37, 64, 67, 96, 131, 521, 1031};

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

uint32_t random_of(uint64_t seed, int64_t row, int64_t column) {
  const uint64_t golden = 0x9E3779B97F4A7C15ull, key = mix(mix(seed + golden) + uint64_t(row) * golden);
  uint32_t x = uint32_t(column) + uint32_t(key);
  x ^= x >> 16;
  x = x * 0x7FEB352Du + uint32_t(key >> 32);
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ (x >> 16);
}

uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

bool same_with_nan(const Array<float> &a, const Array<float> &b) {
  return !memcmp(a.data(), b.data(), size_t(a.size()) * sizeof(float));
}

// A table in plain loops.
struct Table {
  Table(int32_t kind, int64_t slotCount, int64_t size)
      : storage(kind), slots(slotCount), valueSize(size), floats(kind == DM_FLOAT32 ? slots * size : 0),
        halves(kind == DM_BFLOAT16 ? slots * size : 0), bytes(kind == DM_INT8 ? slots * size : 0),
        scales(kind == DM_INT8 ? slots : 0, 0.5f) {}

  void *values() {
    if (storage == DM_FLOAT32) return floats.data();
    return storage == DM_BFLOAT16 ? static_cast<void *>(halves.data()) : static_cast<void *>(bytes.data());
  }

  float read(int64_t row, int64_t column) const {
    const int64_t at = row * valueSize + column;
    if (storage == DM_FLOAT32) return floats[at];
    return storage == DM_BFLOAT16 ? float_of(uint32_t(halves[at]) << 16) : scales[row] * float(bytes[at]);
  }

  void write(int64_t row, const float *source, uint64_t seed) {
    float largest = 0;
    bool finite = true;
    for (int64_t c = 0; c < valueSize; c++) {
      largest = std::fmax(largest, std::fabs(source[c]));
      finite = finite && std::isfinite(source[c]);
    }
    if (storage == DM_INT8) scales[row] = finite ? largest / 127 : std::numeric_limits<float>::quiet_NaN();
    for (int64_t c = 0; c < valueSize; c++) {
      const int64_t at = row * valueSize + c;
      const uint32_t random = random_of(seed, row, c);
      if (storage == DM_FLOAT32) floats[at] = source[c];
      if (storage == DM_BFLOAT16) halves[at] = half(source[c], random);
      if (storage == DM_INT8) bytes[at] = finite && scales[row] > 0 ? byte(source[c] / scales[row], random) : int8_t(0);
    }
  }

  bool same_bits(const Table &other) const {
    return same_with_nan(floats, other.floats) && halves.same_bits(other.halves) && bytes.same_bits(other.bytes) &&
           same_with_nan(scales, other.scales) && sentries_stand();
  }
  bool sentries_stand() const {
    return floats.sentries_stand() && halves.sentries_stand() && bytes.sentries_stand() && scales.sentries_stand();
  }

  int32_t storage;
  int64_t slots, valueSize;
  Array<float> floats;
  Array<uint16_t> halves;
  Array<int8_t> bytes;
  Array<float> scales;

 private:
  static uint16_t half(float x, uint32_t random) {
    if (std::isnan(x)) return 0x7FC0;
    if (std::isinf(x)) return uint16_t(bits_of(x) >> 16);
    const uint32_t magnitude = bits_of(std::fabs(x)) + random / 65536;
    return uint16_t((std::signbit(x) ? 0x8000 : 0) + std::min(magnitude / 65536, 0x7F7Fu));
  }
  static int8_t byte(float x, uint32_t random) {
    const float whole = std::floor(x), part = x - whole;
    const float up = double(random / 256) / (1 << 24) < double(part) ? 1.0f : 0.0f;
    return int8_t(std::fmax(-127.0f, std::fmin(127.0f, whole + up)));
  }
};

Array<int64_t> all_rows(int64_t count) {
  Array<int64_t> rows(count);
  for (int64_t r = 0; r < count; r++) rows[r] = r;
  return rows;
}

// Rows of numbers of many sizes, some of them not finite, zero or tiny.
Array<float> rows_of_all_sizes(int64_t slots, int64_t valueSize) {
  Array<float> source = normals<float>(slots * valueSize);
  for (int64_t r = 0; r < slots; r++) {
    const float size = std::ldexp(1.0f, int(random_bits()() % 60) - 30);
    for (int64_t c = 0; c < valueSize; c++) source[r * valueSize + c] *= size;
  }
  const float infinity = std::numeric_limits<float>::infinity();
  const float special[] = {infinity, -infinity, -std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::max(),
                           -std::numeric_limits<float>::max(), 0.0f, -0.0f, std::numeric_limits<float>::denorm_min()};
  for (int64_t r = 0; r < 8; r++) source[r * valueSize + valueSize / 2] = special[r];
  for (int64_t c = 0; c < valueSize; c++) source[9 * valueSize + c] = 0, source[10 * valueSize + c] *= 1e-38f;
  return source;
}

TEST(rows_are_written_and_read_as_by_plain_loops) {
  const int64_t slots = 131;
  for (int32_t storage : kStorages) {
    for (int64_t valueSize : kValueSizes) {
      Table want(storage, slots, valueSize);
      const Array<float> source = rows_of_all_sizes(slots, valueSize);
      const Array<int64_t> rows = all_rows(slots);
      const uint64_t chosen = random_bits()();
      for (int64_t r = 0; r < slots; r++) want.write(r, source.data() + r * valueSize, chosen);
      const Array<int64_t> some = integers(257, slots);
      for (int threads = 1; threads <= 3; threads++) {
        Table got(storage, slots, valueSize);
        dm_write_rows(storage, got.values(), got.scales.data(), valueSize, rows.data(), slots, source.data(), chosen, threads);
        EXPECT(got.same_bits(want), "storage %d, valueSize %lld, %d threads: written", storage, (long long)valueSize, threads);
        Array<float> out(some.size() * valueSize), wantOut(some.size() * valueSize);
        int64_t where = -1;
        const int32_t status = dm_read_rows(storage, got.values(), got.scales.data(), slots, valueSize, some.data(), some.size(),
                                            out.data(), threads, &where);
        EXPECT(status == DM_OK && out.sentries_stand(), "status %d", status);
        for (int64_t i = 0; i < out.size(); i++) wantOut[i] = want.read(some[i / valueSize], i % valueSize);
        EXPECT(same_with_nan(out, wantOut), "storage %d, valueSize %lld: read",
               storage, (long long)valueSize);
      }
    }
  }
}

TEST(rows_out_of_range_are_not_read) {
  for (int32_t storage : kStorages) {
    for (int64_t wrong : {int64_t(-1), int64_t(11), std::numeric_limits<int64_t>::max()}) {
      Table table(storage, 11, 5);
      Array<int64_t> rows = integers(7, 11);
      rows[3] = rows[6] = wrong;
      Array<float> out(7 * 5, 3.0f);
      int64_t where = -1;
      EXPECT(dm_read_rows(storage, table.values(), table.scales.data(), 11, 5, rows.data(), 7, out.data(), 2, &where) ==
                     DM_OUT_OF_RANGE &&
                 where == 3,
             "where %lld", (long long)where);
      for (int64_t i = 0; i < out.size(); i++) EXPECT(out[i] == 3.0f, "written before the range was checked");
    }
  }
}

// A table of random rows, and accesses to it.
struct Step {
  Step(int32_t storage, int64_t bagCount, int64_t size, int64_t slots, int64_t valueSize)
      : bags(bagCount), bagSize(size), table(storage, slots, valueSize), weights(normals<float>(bags * bagSize)),
        outGradients(normals<float>(bags * valueSize)), m(normals<float>(slots * valueSize)), v(normals<float>(slots * valueSize)),
        accesses(integers(bags * bagSize, slots)), order(bags * bagSize), rows(bags * bagSize), starts(bags * bagSize + 1),
        scratch(2 * bags * bagSize) {
    const Array<float> source = normals<float>(slots * valueSize);
    for (int64_t r = 0; r < slots; r++) table.write(r, source.data() + r * valueSize, 1);
    for (int64_t i = 0; i < v.size(); i++) v[i] *= v[i];
    int64_t where = -1;
    dm_group_by_row(accesses.data(), bags * bagSize, slots, order.data(), rows.data(), starts.data(), scratch.data(), &rowCount, 2,
                    &where);
  }

  int64_t bags, bagSize, rowCount = 0;
  Table table;
  Array<float> weights, outGradients, m, v;
  Array<int64_t> accesses, order, rows, starts, scratch;
};

TEST(bags_of_compact_rows_are_weighted_sums) {
  for (int32_t storage : kStorages) {
    for (int64_t valueSize : kValueSizes) {
      for (int64_t bags : {1, 2, 41}) {
        Step in(storage, bags, 13, 53, valueSize);
        std::vector<double> want(size_t(bags * valueSize)), wantWeights(size_t(bags * 13));
        for (int64_t a = 0; a < bags * 13; a++) {
          for (int64_t c = 0; c < valueSize; c++) {
            const double value = double(in.table.read(in.accesses[a], c));
            want[size_t(a / 13 * valueSize + c)] += double(in.weights[a]) * value;
            wantWeights[size_t(a)] += double(in.outGradients[a / 13 * valueSize + c]) * value;
          }
        }
        Array<float> first(bags * valueSize), firstWeights(bags * 13);
        for (int threads = 1; threads <= 3; threads++) {
          Array<float> out(bags * valueSize), weightGradients(bags * 13);
          int64_t where = -1;
          dm_compact_bag(storage, in.table.values(), in.table.scales.data(), in.accesses.data(), in.weights.data(), bags, 13, 53,
                         valueSize, out.data(), threads, &where);
          dm_compact_bag_weights_bp(storage, in.table.values(), in.table.scales.data(), in.accesses.data(),
                                    in.outGradients.data(), bags, 13, 53, valueSize, weightGradients.data(), threads, &where);
          EXPECT_CLOSE(out, want, 13.0, 8.0);
          EXPECT_CLOSE(weightGradients, wantWeights, double(valueSize), 8.0);
          if (threads == 1) first = out, firstWeights = weightGradients;
          EXPECT(out.same_bits(first) && weightGradients.same_bits(firstWeights), "%d threads give another result", threads);
        }
        in.accesses[bags * 13 - 1] = 53;
        Array<float> out(bags * valueSize, 3.0f), untouched = out, weightGradients(bags * 13, 3.0f), untouchedWeights = weightGradients;
        int64_t where = -1;
        EXPECT(dm_compact_bag(storage, in.table.values(), in.table.scales.data(), in.accesses.data(), in.weights.data(), bags, 13,
                              53, valueSize, out.data(), 2, &where) == DM_OUT_OF_RANGE && where == bags * 13 - 1 &&
                   out.same_bits(untouched),
               "bag out of range");
        EXPECT(dm_compact_bag_weights_bp(storage, in.table.values(), in.table.scales.data(), in.accesses.data(),
                                         in.outGradients.data(), bags, 13, 53, valueSize, weightGradients.data(), 2,
                                         &where) == DM_OUT_OF_RANGE && weightGradients.same_bits(untouchedWeights),
               "gradient out of range");
      }
    }
  }
}

// One step of SGD or Adam on rows[j] in plain loops of float32.
void plain_step(Step &s, int64_t j, bool adam, uint64_t chosen) {
  const int64_t valueSize = s.table.valueSize, row = s.rows[j];
  std::vector<float> next(static_cast<size_t>(valueSize));
  for (int64_t c = 0; c < valueSize; c++) {
    float g = 0;
    for (int64_t a = s.starts[j]; a < s.starts[j + 1]; a++) {
      g += s.weights[s.order[a]] * s.outGradients[s.order[a] / s.bagSize * valueSize + c];
    }
    float u = 0.3f * g;
    if (adam) {
      float &m = s.m[row * valueSize + c], &v = s.v[row * valueSize + c];
      g *= 0.5f;
      m = float(0.9) * m + float(1 - 0.9) * g;
      v = float(0.99) * v + float(1 - 0.99) * g * g;
      u = float(0.1) * m / (std::sqrt(v) + float(1e-8));
    }
    next[size_t(c)] = s.table.read(row, c) - u;
  }
  s.table.write(row, next.data(), chosen);
}

TEST(updates_have_the_bits_of_plain_loops) {
  for (int32_t storage : kStorages) {
    for (int64_t valueSize : kValueSizes) {
      for (bool adam : {false, true}) {
        const Step start(storage, 29, 7, valueSize == 8 ? 1 : 211, valueSize);
        const uint64_t chosen = random_bits()();
        Step want = start;
        for (int64_t j = 0; j < want.rowCount; j++) plain_step(want, j, adam, chosen);
        for (int threads = 1; threads <= 3; threads++) {
          Step got = start;
          Table &t = got.table;
          const int32_t status =
              adam ? dm_compact_bag_adam(storage, t.values(), t.scales.data(), got.m.data(), got.v.data(), got.weights.data(),
                                         got.outGradients.data(), got.bagSize, valueSize, got.order.data(), got.rows.data(),
                                         got.starts.data(), got.rowCount, 0.1, 0.9, 0.99, 1e-8, 0.5, chosen, threads)
                   : dm_compact_bag_sgd(storage, t.values(), t.scales.data(), got.weights.data(), got.outGradients.data(),
                                        got.bagSize, valueSize, got.order.data(), got.rows.data(), got.starts.data(),
                                        got.rowCount, 0.3, chosen, threads);
          EXPECT(status == DM_OK && t.same_bits(want.table) && got.m.same_bits(want.m) && got.v.same_bits(want.v),
                 "storage %d, valueSize %lld, adam %d, %d threads", storage, (long long)valueSize, int(adam), threads);
        }
      }
    }
  }
}

// Box-Muller in double of the same bits; rounded by the plain table.
TEST(initial_rows_are_normal_numbers_of_seed_row_and_column) {
  static std::map<std::pair<int32_t, int64_t>, uint64_t> sumsOfTier;
  const int64_t slots = 73;
  const uint64_t chosen = 0x123456789ABCDEFull;
  for (int32_t storage : kStorages) {
    for (int64_t valueSize : kValueSizes) {
      Table first(storage, slots, valueSize);
      for (int threads = 1; threads <= 3; threads++) {
        Table got(storage, slots, valueSize);
        EXPECT(dm_initialise_normal(storage, got.values(), got.scales.data(), slots, valueSize, 0.25, chosen, threads) == DM_OK,
               "status");
        if (threads == 1) first = got;
        EXPECT(got.same_bits(first), "%d threads give another result", threads);
      }
      uint64_t sum = 0;
      for (int64_t i = 0; i < slots * valueSize; i++) {
        const int64_t row = i / valueSize, column = i % valueSize, pair = column / 16 * 16 + column % 8;
        const double u = (double(random_of(chosen, row, pair) / 2) + 0.5) / 2147483648.0;
        const uint32_t turn = random_of(chosen, row, pair + 8);
        const double angle = 2 * M_PI * (double(turn >> 30) / 4 + double(int32_t(turn << 2)) / 17179869184.0);
        const double radius = 0.25 * std::sqrt(-2 * std::log(u)), wave = column % 16 < 8 ? std::cos(angle) : std::sin(angle);
        const double step = storage == DM_FLOAT32 ? 0 : storage == DM_BFLOAT16 ? radius / 128 : double(first.scales[row]);
        const double got = double(first.read(row, column));
        EXPECT(std::fabs(got - radius * wave) <= step + 2e-6, "storage %d, valueSize %lld, at %lld: %g, expected %g", storage,
               (long long)valueSize, (long long)i, got, radius * wave);
        sum = mix(sum ^ bits_of(first.read(row, column)));
      }
      const auto inserted = sumsOfTier.insert({{storage, valueSize}, sum});
      EXPECT(inserted.first->second == sum, "storage %d: another tier gives other bits", storage);
    }
  }
}

TEST(steps_on_nothing) {
  for (int32_t storage : kStorages) {
    Table table(storage, 3, 5), untouched = table;
    const int64_t *no = nullptr;
    Array<float> none(0);
    int64_t where = -1;
    void *const values = table.values();
    float *const scales = table.scales.data();
    EXPECT(dm_compact_bag(storage, values, scales, no, none.data(), 0, 7, 3, 5, none.data(), 2, &where) == DM_OK, "bag");
    EXPECT(dm_compact_bag_weights_bp(storage, values, scales, no, none.data(), 0, 7, 3, 5, none.data(), 2, &where) == DM_OK, "bp");
    EXPECT(dm_compact_bag_sgd(storage, values, scales, none.data(), none.data(), 7, 5, no, no, no, 0, 0.1, 1, 2) == DM_OK, "sgd");
    EXPECT(dm_compact_bag_adam(storage, values, scales, none.data(), none.data(), none.data(), none.data(), 7, 5, no, no, no, 0, 0.1,
                               0.9, 0.99, 1e-8, 1.0, 1, 2) == DM_OK,
           "adam");
    EXPECT(dm_read_rows(storage, values, scales, 3, 5, no, 0, none.data(), 2, &where) == DM_OK, "read");
    EXPECT(dm_write_rows(storage, values, scales, 5, no, 0, none.data(), 1, 2) == DM_OK, "write");
    EXPECT(none.sentries_stand() && table.same_bits(untouched), "wrote");
  }
}

// Rows around 2^31 and 2^32 values, in tables that are mapped without memory behind them.
TEST(large_compact_tables_are_read_and_changed_in_the_right_rows) {
  const int64_t valueSize = 67, slots = (int64_t(1) << 32) / valueSize + 11, bytes = slots * valueSize * 2;
  const auto map = [](int64_t size) {
    return mmap(nullptr, size_t(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  };
  void *const values = map(bytes);
  float *const scales = static_cast<float *>(map(slots * 4));
  EXPECT(values != MAP_FAILED && scales != MAP_FAILED, "no address space");
  if (values == MAP_FAILED || scales == MAP_FAILED) return;
  Array<int64_t> rows(5), small = all_rows(5);
  rows[0] = 0, rows[1] = 1, rows[2] = (int64_t(1) << 31) / valueSize, rows[3] = slots - 2, rows[4] = slots - 1;
  for (int32_t storage : {DM_BFLOAT16, DM_INT8}) {
    const Array<float> source = normals<float>(5 * valueSize);
    int64_t where = -1;
    Array<float> out(5 * valueSize), bag(valueSize), wantBag(valueSize), weights = normals<float>(5);
    dm_write_rows(storage, values, scales, valueSize, rows.data(), 5, source.data(), 3, 2);
    dm_read_rows(storage, values, scales, slots, valueSize, rows.data(), 5, out.data(), 2, &where);
    Table want(storage, 1, valueSize);
    for (int64_t r = 0; r < 5; r++) {
      for (int64_t c = 0; c < valueSize; c++) {
        const double given = double(source[r * valueSize + c]);
        EXPECT(std::fabs(double(out[r * valueSize + c]) - given) <= 0.06, "row %lld", (long long)rows[r]);
      }
    }
    dm_compact_bag(storage, values, scales, rows.data(), weights.data(), 1, 5, slots, valueSize, bag.data(), 2, &where);
    Array<int64_t> order = small, starts(6);
    for (int64_t i = 0; i < 6; i++) starts[i] = i;
    std::vector<double> sums(size_t(valueSize), 0.0);
    for (int64_t i = 0; i < out.size(); i++) sums[size_t(i % valueSize)] += double(weights[i / valueSize]) * double(out[i]);
    EXPECT_CLOSE(bag, sums, 5.0, 8.0);
    const Array<float> ones(valueSize, 1.0f);
    dm_compact_bag_sgd(storage, values, scales, weights.data(), ones.data(), 5, valueSize, order.data(), rows.data(), starts.data(), 5,
                       1.0, 4, 2);
    Array<float> after(5 * valueSize);
    dm_read_rows(storage, values, scales, slots, valueSize, rows.data(), 5, after.data(), 2, &where);
    for (int64_t i = 0; i < out.size(); i++) {
      const double moved = double(out[i]) - double(after[i]);
      EXPECT(std::fabs(moved - double(weights[i / valueSize])) <= 0.1, "row %lld moved by %g", (long long)rows[i / valueSize], moved);
    }
  }
  munmap(values, size_t(bytes));
  munmap(scales, size_t(slots * 4));
}

// Whether a page is in this process; true where the system does not say.
bool present(const char *address, int64_t page) {
  uint64_t entry = uint64_t(1) << 63;
  const int file = open("/proc/self/pagemap", O_RDONLY);
  if (file >= 0) {
    if (pread(file, &entry, sizeof entry, int64_t(reinterpret_cast<uint64_t>(address)) / page * 8) != sizeof entry) entry = ~uint64_t(0);
    close(file);
  }
  return entry >> 63 != 0;
}

TEST(released_pages_of_a_file_leave_and_keep_their_contents) {
  char name[] = "/tmp/dm_release_XXXXXX";
  const int file = mkstemp(name);
  unlink(name);
  const int64_t page = sysconf(_SC_PAGESIZE), bytes = 16 * page;
  EXPECT(file >= 0 && ftruncate(file, bytes) == 0, "no file");
  char *const data = static_cast<char *>(mmap(nullptr, size_t(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  for (int64_t i = 0; i < bytes; i++) data[i] = char(i % 113);
  const bool told = access("/proc/self/pagemap", R_OK) == 0;
  EXPECT(present(data, page) && present(data + 7 * page, page), "touched pages");
  EXPECT(dm_release_pages(data + 5, bytes - 5) == bytes - page, "all but the first page");
  EXPECT(present(data, page), "the first page");
  for (int64_t p = 1; p < 16 && told; p++) EXPECT(!present(data + p * page, page), "page %lld", (long long)p);
  EXPECT(dm_release_pages(data + 5, page) == 0, "no whole page");
  EXPECT(dm_release_pages(data, 0) == 0, "no bytes");
  for (int64_t i = 0; i < bytes; i++) EXPECT(data[i] == char(i % 113), "byte %lld", (long long)i);
  munmap(data, size_t(bytes));
  close(file);
}

}  // namespace

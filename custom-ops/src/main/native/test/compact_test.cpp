// Tables of compact rows against plain loops: what is written has their bits, on every tier and for any number of threads.
#include <sys/mman.h>

#include <limits>
#include <map>

#include "plain_table.h"

namespace {

const int32_t kStorages[] = {DM_FLOAT32, DM_BFLOAT16, DM_INT8};
const int64_t kValueSizes[] = {1, 7, 8, 15, 16, 17, 37, 64, 67, 96, 131, 521, 1031};

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
    dm_compact_bag_sgd(storage, values, scales, weights.data(), ones.data(), 5, valueSize, order.data(), rows.data(), rows.data(),
                       starts.data(), 5, 1.0, 4, 2);
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

}  // namespace

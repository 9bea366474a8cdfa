// The bag of a compact table, its gradients and its updates against plain loops.
#include "plain_table.h"

namespace {

const int32_t kStorages[] = {DM_FLOAT32, DM_BFLOAT16, DM_INT8};
const int64_t kValueSizes[] = {1, 7, 8, 15, 16, 17, 37, 64, 67, 96, 131, 521, 1031};

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
                                         got.rows.data(), got.starts.data(), got.rowCount, 0.1, 0.9, 0.99, 1e-8, 0.5, chosen, threads)
                   : dm_compact_bag_sgd(storage, t.values(), t.scales.data(), got.weights.data(), got.outGradients.data(),
                                        got.bagSize, valueSize, got.order.data(), got.rows.data(), got.rows.data(), got.starts.data(),
                                        got.rowCount, 0.3, chosen, threads);
          EXPECT(status == DM_OK && t.same_bits(want.table) && got.m.same_bits(want.m) && got.v.same_bits(want.v),
                 "storage %d, valueSize %lld, adam %d, %d threads", storage, (long long)valueSize, int(adam), threads);
        }
      }
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
    EXPECT(dm_compact_bag_sgd(storage, values, scales, none.data(), none.data(), 7, 5, no, no, no, no, 0, 0.1, 1, 2) == DM_OK, "sgd");
    EXPECT(dm_compact_bag_adam(storage, values, scales, none.data(), none.data(), none.data(), none.data(), 7, 5, no, no, no, no, 0, 0.1,
                               0.9, 0.99, 1e-8, 1.0, 1, 2) == DM_OK,
           "adam");
    EXPECT(dm_read_rows(storage, values, scales, 3, 5, no, 0, none.data(), 2, &where) == DM_OK, "read");
    EXPECT(dm_write_rows(storage, values, scales, 5, no, 0, none.data(), 1, 2) == DM_OK, "write");
    EXPECT(none.sentries_stand() && table.same_bits(untouched), "wrote");
  }
}

}  // namespace

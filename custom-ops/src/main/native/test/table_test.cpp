// weighted_bag and its gradient, group_by_row, row updates and pages against plain loops.
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "typed.h"

namespace {

struct Shape {
  int64_t bags, bagSize, slots, valueSize;
};
// One-slot tables put all accesses on one row; bags < threads; ends of lines and of groups of four; valueSize 64 .. 1024 and odd.
const Shape kShapes[] = {{1, 1, 1, 1},     {1, 128, 409, 512}, {2, 37, 1, 67},  {19, 5, 13, 7},    {23, 13, 211, 64},
                         {101, 3, 53, 129}, {7, 31, 211, 1024}, {29, 4, 17, 15}, {131, 128, 1009, 16}, {3, 2, 5, 1031}};

template <class T>
struct Batch {
  explicit Batch(const Shape &shape)
      : s(shape), accesses(s.bags * s.bagSize), values(normals<T>(s.slots * s.valueSize)), weights(normals<T>(accesses)),
        outGradients(normals<T>(s.bags * s.valueSize)), slots(integers(accesses, s.slots)), order(accesses), rows(accesses),
        starts(accesses + 1), scratch(2 * accesses) {}

  int32_t group(int threads, int64_t *where) {
    return dm_group_by_row(slots.data(), accesses, s.slots, order.data(), rows.data(), starts.data(), scratch.data(), &rowCount,
                           threads, where);
  }

  Shape s;
  int64_t accesses, rowCount = -1;
  Array<T> values, weights, outGradients;
  Array<int64_t> slots, order, rows, starts, scratch;
};

template <class T>
void forward() {
  for (const Shape &s : kShapes) {
    Batch<T> in(s);
    std::vector<double> want(size_t(s.bags * s.valueSize));
    for (int64_t a = 0; a < in.accesses; a++) {
      for (int64_t c = 0; c < s.valueSize; c++) {
        want[size_t(a / s.bagSize * s.valueSize + c)] += double(in.weights[a]) * double(in.values[in.slots[a] * s.valueSize + c]);
      }
    }
    Array<T> first(s.bags * s.valueSize);
    for (int threads = 1; threads <= 3; threads++) {
      Array<T> out(s.bags * s.valueSize);
      int64_t where = -1;
      const int32_t status = bag(in.values.data(), in.slots.data(), in.weights.data(), s.bags, s.bagSize, s.slots, s.valueSize,
                                 out.data(), threads, &where);
      EXPECT(status == DM_OK, "status %d", status);
      EXPECT_CLOSE(out, want, double(s.bagSize), 8.0);
      if (threads == 1) first = out;
      EXPECT(out.same_bits(first), "%d threads give another result", threads);
    }
    for (int64_t wrong : {int64_t(-1), s.slots, std::numeric_limits<int64_t>::max()}) {
      Array<T> out(s.bags * s.valueSize, T(5));
      const Array<T> untouched = out;
      Array<int64_t> slots = in.slots;
      slots[in.accesses - 1] = wrong;
      slots[in.accesses / 2] = wrong;
      int64_t where = -1;
      const int32_t status = bag(in.values.data(), slots.data(), in.weights.data(), s.bags, s.bagSize, s.slots, s.valueSize,
                                 out.data(), 2, &where);
      EXPECT(status == DM_OUT_OF_RANGE && where == in.accesses / 2, "status %d, where %lld", status, (long long)where);
      EXPECT(out.same_bits(untouched), "written before the range was checked");
    }
  }
}

template <class T>
void empty_bags() {
  const Array<T> values = normals<T>(3 * 5), weights(0);
  const Array<int64_t> slots(0);
  Array<T> none(0), out(4 * 5);
  int64_t where = -1;
  EXPECT(bag(values.data(), slots.data(), weights.data(), 0, 7, 3, 5, none.data(), 2, &where) == DM_OK, "no bags");
  EXPECT(bag(values.data(), slots.data(), weights.data(), 4, 0, 3, 5, out.data(), 2, &where) == DM_OK, "empty bags");
  for (int64_t i = 0; i < out.size(); i++) EXPECT(out[i] == 0, "empty bag: %g", double(out[i]));
  EXPECT(none.sentries_stand() && out.sentries_stand(), "wrote past its end");
}

template <class T>
void backward() {
  for (const Shape &s : kShapes) {
    Batch<T> in(s);
    int64_t where = -1;
    EXPECT(in.group(2, &where) == DM_OK, "group");
    std::vector<double> dense(size_t(s.slots * s.valueSize)), dw(size_t(in.accesses));
    for (int64_t a = 0; a < in.accesses; a++) {
      for (int64_t c = 0; c < s.valueSize; c++) {
        const double o = double(in.outGradients[a / s.bagSize * s.valueSize + c]);
        dense[size_t(in.slots[a] * s.valueSize + c)] += double(in.weights[a]) * o;
        dw[size_t(a)] += double(in.values[in.slots[a] * s.valueSize + c]) * o;
      }
    }
    std::vector<double> compact, table(dense.size(), -77.0);
    for (int64_t j = 0; j < in.rowCount; j++) {
      for (int64_t c = 0; c < s.valueSize; c++) {
        const double g = dense[size_t(in.rows[j] * s.valueSize + c)];
        compact.push_back(g);
        table[size_t(in.rows[j] * s.valueSize + c)] = g;  // rows that nobody read keep what they held
      }
    }
    Array<T> firstRows(in.rowCount * s.valueSize), firstWeights(in.accesses);
    for (int threads = 1; threads <= 3; threads++) {
      Array<T> rowGradients(in.rowCount * s.valueSize), byRow(s.slots * s.valueSize), weightGradients(in.accesses);
      EXPECT(bag_bp(in.values.data(), in.weights.data(), in.outGradients.data(), s.bagSize, s.valueSize, in.order.data(),
                    in.rows.data(), in.starts.data(), in.rowCount, rowGradients.data(), 0, weightGradients.data(),
                    threads) == DM_OK,
             "compact");
      EXPECT(bag_bp(in.values.data(), in.weights.data(), in.outGradients.data(), s.bagSize, s.valueSize, in.order.data(),
                    in.rows.data(), in.starts.data(), in.rowCount, byRow.data(), 1, static_cast<T *>(nullptr), threads) == DM_OK,
             "by row");
      EXPECT_CLOSE(rowGradients, compact, double(in.accesses), 8.0);
      EXPECT_CLOSE(byRow, table, double(in.accesses), 8.0);
      EXPECT_CLOSE(weightGradients, dw, double(s.valueSize), 8.0);
      Array<T> ungrouped(in.accesses);
      int64_t where = -1;
      EXPECT(bag_weights_bp(in.values.data(), in.slots.data(), in.outGradients.data(), s.bags, s.bagSize, s.slots, s.valueSize,
                            ungrouped.data(), threads, &where) == DM_OK,
             "not grouped");
      EXPECT(ungrouped.same_bits(weightGradients), "weight gradients of accesses that are not grouped differ");
      if (threads == 1) {
        firstRows = rowGradients;
        firstWeights = weightGradients;
      }
      EXPECT(rowGradients.same_bits(firstRows) && weightGradients.same_bits(firstWeights), "%d threads differ", threads);
    }
  }
}

// A caller may take the rows in pieces, so that the gradients of a piece stay in cache.
void backward_in_pieces() {
  const Shape s{31, 17, 101, 37};
  Batch<float> in(s);
  int64_t where = -1;
  EXPECT(in.group(1, &where) == DM_OK, "group");
  Array<float> whole(in.rowCount * s.valueSize), pieces(in.rowCount * s.valueSize), dw(in.accesses), dwPieces(in.accesses);
  bag_bp(in.values.data(), in.weights.data(), in.outGradients.data(), s.bagSize, s.valueSize, in.order.data(), in.rows.data(),
         in.starts.data(), in.rowCount, whole.data(), 0, dw.data(), 2);
  for (int64_t from = 0; from < in.rowCount; from += 23) {
    bag_bp(in.values.data(), in.weights.data(), in.outGradients.data(), s.bagSize, s.valueSize, in.order.data(),
           in.rows.data() + from, in.starts.data() + from, std::min<int64_t>(23, in.rowCount - from),
           pieces.data() + from * s.valueSize, 0, dwPieces.data(), 2);
  }
  EXPECT(whole.same_bits(pieces) && dw.same_bits(dwPieces), "pieces differ from the whole");
}

void expect_grouped(int64_t accesses, int64_t slotCount, int64_t distinct, int threads) {
  Array<int64_t> slots = integers(accesses, std::min(distinct, slotCount));
  for (int64_t i = 0; i < accesses; i++) slots[i] = slotCount - 1 - slots[i];  // high digits are used too
  std::vector<int64_t> want(static_cast<size_t>(accesses));
  for (int64_t i = 0; i < accesses; i++) want[size_t(i)] = i;
  std::stable_sort(want.begin(), want.end(), [&](int64_t a, int64_t b) { return slots[a] < slots[b]; });
  Array<int64_t> order(accesses), rows(accesses), starts(accesses + 1), scratch(2 * accesses);
  int64_t rowCount = -1, where = -1;
  const int32_t status = dm_group_by_row(slots.data(), accesses, slotCount, order.data(), rows.data(), starts.data(),
                                         scratch.data(), &rowCount, threads, &where);
  EXPECT(status == DM_OK, "status %d", status);
  EXPECT(order.sentries_stand() && rows.sentries_stand() && starts.sentries_stand() && scratch.sentries_stand(),
         "wrote past its end");
  int64_t j = -1;
  for (int64_t i = 0; i < accesses; i++) {
    if (i == 0 || slots[want[size_t(i)]] != slots[want[size_t(i - 1)]]) {
      j++;
      EXPECT(j < rowCount && rows[j] == slots[want[size_t(i)]] && starts[j] == i, "row %lld of %lld", (long long)j,
             (long long)rowCount);
    }
    EXPECT(order[i] == want[size_t(i)], "accesses %lld slots %lld threads %d: order[%lld] = %lld, expected %lld",
           (long long)accesses, (long long)slotCount, threads, (long long)i, (long long)order[i], (long long)want[size_t(i)]);
    if (order[i] != want[size_t(i)]) return;
  }
  EXPECT(rowCount == j + 1 && starts[rowCount] == accesses, "%lld rows, expected %lld", (long long)rowCount, (long long)j + 1);
}

TEST(accesses_are_grouped_stably) {
  const int64_t many = int64_t(1) << 40;
  for (int threads = 1; threads <= 3; threads++) {
    for (int64_t accesses : {0, 1, 2, 97, 4099, 300007}) {
      for (int64_t slotCount : {int64_t(1), int64_t(2048), int64_t(2049), int64_t(5000011), many}) {
        expect_grouped(accesses, slotCount, many, threads);
      }
      expect_grouped(accesses, int64_t(1) << 60, 1009, threads);  // slot and position do not fit one word
    }
  }
}

TEST(grouping_reports_the_first_slot_out_of_range) {
  for (int64_t accesses : {int64_t(11), int64_t(300007)}) {
    Array<int64_t> slots = integers(accesses, 7), order(accesses, 5), rows(accesses, 5), starts(accesses + 1, 5), scratch(2 * accesses);
    slots[3] = 7;
    slots[accesses - 1] = -1;
    int64_t rowCount = -1, where = -1;
    const int32_t status = dm_group_by_row(slots.data(), accesses, 7, order.data(), rows.data(), starts.data(), scratch.data(),
                                           &rowCount, 3, &where);
    EXPECT(status == DM_OUT_OF_RANGE && where == 3 && rowCount == -1, "status %d, where %lld", status, (long long)where);
    EXPECT(order[0] == 5 && rows[0] == 5 && starts[0] == 5, "written before the range was checked");
  }
}

template <class T>
void updates(bool byRow, bool subtract, bool withAdam) {
  const double step = 0.013, beta1 = 0.9, beta2 = 0.98, epsilon = 1e-6, scale = 0.25;
  for (const Shape &s : kShapes) {
    Array<int64_t> rows(0), candidates(s.slots);
    std::vector<int64_t> picked;
    for (int64_t r = 0; r < s.slots; r++) {
      if (r == 0 || random_bits()() % 3 == 0) picked.push_back(r);
    }
    const int64_t rowCount = int64_t(picked.size()), tableSize = s.slots * s.valueSize;
    const Array<T> gradients = normals<T>(byRow ? tableSize : rowCount * s.valueSize), target = normals<T>(tableSize);
    const Array<T> m = normals<T>(tableSize);
    Array<T> v = normals<T>(tableSize);
    for (int64_t i = 0; i < tableSize; i++) v[i] *= v[i];
    std::vector<double> wantG(gradients.data(), gradients.data() + gradients.size()), wantM(m.data(), m.data() + tableSize),
        wantV(v.data(), v.data() + tableSize), wantT(target.data(), target.data() + tableSize);
    for (int64_t j = 0; j < rowCount; j++) {
      for (int64_t c = 0; c < s.valueSize; c++) {
        const size_t at = size_t(picked[size_t(j)] * s.valueSize + c), inG = byRow ? at : size_t(j * s.valueSize + c);
        double u = step * wantG[inG];
        if (withAdam) {
          const double g = scale * wantG[inG];
          wantM[at] = beta1 * wantM[at] + (1 - beta1) * g;
          wantV[at] = beta2 * wantV[at] + (1 - beta2) * g * g;
          u = step * wantM[at] / (std::sqrt(wantV[at]) + epsilon);
        }
        if (subtract) {
          wantT[at] -= u;
        } else {
          wantG[inG] = u;
        }
      }
    }
    for (int threads = 1; threads <= 3; threads++) {
      Array<T> g = gradients, gotM = m, gotV = v, t = target;
      const int32_t status =
          withAdam ? adam_of<T>(static_cast<const int64_t *>(picked.data()), rowCount, s.valueSize, g.data(), int32_t(byRow),
                                gotM.data(), gotV.data(), subtract ? t.data() : nullptr, int32_t(subtract), step, beta1, beta2,
                                epsilon, scale, threads)
                   : sgd_of<T>(static_cast<const int64_t *>(picked.data()), rowCount, s.valueSize, g.data(), int32_t(byRow),
                               subtract ? t.data() : nullptr, int32_t(subtract), step, threads);
      EXPECT(status == DM_OK, "status %d", status);
      EXPECT_CLOSE(g, wantG, 8.0, 1.0);
      EXPECT_CLOSE(gotM, wantM, 8.0, 1.0);
      EXPECT_CLOSE(gotV, wantV, 8.0, 1.0);
      EXPECT_CLOSE(t, wantT, 8.0, 1.0);
      for (int64_t r = 0; r < s.slots; r++) {  // untouched rows keep every bit
        if (std::binary_search(picked.begin(), picked.end(), r)) continue;
        const int64_t at = r * s.valueSize;
        const size_t bytes = size_t(s.valueSize) * sizeof(T);
        EXPECT(!memcmp(&gotM[at], &m[at], bytes) && !memcmp(&gotV[at], &v[at], bytes) && !memcmp(&t[at], &target[at], bytes),
               "row %lld was not touched but changed", (long long)r);
      }
    }
  }
}

template <class T>
void all_updates() {
  for (int variant = 0; variant < 8; variant++) updates<T>(variant & 1, variant & 2, variant & 4);
}

// The fused update has the bits of the gradient rows, their updates in place, and a subtraction; rows not touched keep theirs.
template <class T>
void fused(bool withAdam) {
  const double step = 0.013, beta1 = 0.9, beta2 = 0.98, epsilon = 1e-6, scale = 0.25;
  for (const Shape &s : kShapes) {
    Batch<T> in(s);
    int64_t where = -1;
    EXPECT(in.group(2, &where) == DM_OK, "group");
    const int64_t tableSize = s.slots * s.valueSize;
    const Array<T> m = normals<T>(tableSize);
    Array<T> v = normals<T>(tableSize);
    for (int64_t i = 0; i < tableSize; i++) v[i] *= v[i];
    Array<T> g(tableSize), wantM = m, wantV = v, want = in.values, both(in.accesses), weightsOnly(in.accesses);
    bag_bp(in.values.data(), in.weights.data(), in.outGradients.data(), s.bagSize, s.valueSize, in.order.data(), in.rows.data(),
           in.starts.data(), in.rowCount, g.data(), 1, both.data(), 2);
    EXPECT(bag_bp(in.values.data(), in.weights.data(), in.outGradients.data(), s.bagSize, s.valueSize, in.order.data(),
                  in.rows.data(), in.starts.data(), in.rowCount, static_cast<T *>(nullptr), 1, weightsOnly.data(), 3) == DM_OK,
           "weight gradients alone");
    EXPECT(weightsOnly.same_bits(both), "weight gradients alone differ");
    if (withAdam) {
      adam_of<T>(in.rows.data(), in.rowCount, s.valueSize, g.data(), 1, wantM.data(), wantV.data(), static_cast<T *>(nullptr), 0,
                 step, beta1, beta2, epsilon, scale, 2);
    } else {
      sgd_of<T>(in.rows.data(), in.rowCount, s.valueSize, g.data(), 1, static_cast<T *>(nullptr), 0, step, 2);
    }
    for (int64_t j = 0; j < in.rowCount; j++) {
      for (int64_t c = 0; c < s.valueSize; c++) want[in.rows[j] * s.valueSize + c] -= g[in.rows[j] * s.valueSize + c];
    }
    for (int threads = 1; threads <= 3; threads++) {
      Array<T> values = in.values, gotM = m, gotV = v;
      const int32_t status =
          withAdam ? bag_adam_of<T>(values.data(), gotM.data(), gotV.data(), in.weights.data(), in.outGradients.data(), s.bagSize,
                                    s.valueSize, in.order.data(), in.rows.data(), in.starts.data(), in.rowCount, step, beta1,
                                    beta2, epsilon, scale, threads)
                   : bag_sgd_of<T>(values.data(), in.weights.data(), in.outGradients.data(), s.bagSize, s.valueSize,
                                   in.order.data(), in.rows.data(), in.starts.data(), in.rowCount, step, threads);
      EXPECT(status == DM_OK, "status %d", status);
      EXPECT(values.same_bits(want) && gotM.same_bits(wantM) && gotV.same_bits(wantV),
             "bags %lld x %lld, valueSize %lld, threads %d, adam %d: not the bits of the separate steps", (long long)s.bags,
             (long long)s.bagSize, (long long)s.valueSize, threads, int(withAdam));
    }
  }
}

TEST(bags_are_weighted_sums) {
  forward<float>();
  forward<double>();
}
TEST(bags_may_be_empty) {
  empty_bags<float>();
  empty_bags<double>();
}
TEST(bag_gradients) {
  backward<float>();
  backward<double>();
  backward_in_pieces();
}
TEST(updates_change_touched_rows_only) {
  all_updates<float>();
  all_updates<double>();
}

TEST(fused_updates_have_the_bits_of_separate_ones) {
  for (bool withAdam : {false, true}) {
    fused<float>(withAdam);
    fused<double>(withAdam);
  }
}

TEST(update_of_no_rows) {
  Array<float> none(0);
  EXPECT(adam_of<float>(static_cast<const int64_t *>(nullptr), int64_t(0), int64_t(7), none.data(), 0, none.data(), none.data(),
                        none.data(), 1, 0.1, 0.9, 0.99, 1e-8, 1.0, 2) == DM_OK,
         "adam");
  EXPECT(sgd_of<float>(static_cast<const int64_t *>(nullptr), int64_t(0), int64_t(7), none.data(), 0, none.data(), 1, 0.1, 2) == DM_OK,
         "sgd");
  const int64_t *no = nullptr;
  EXPECT(bag_adam_of<float>(none.data(), none.data(), none.data(), none.data(), none.data(), int64_t(3), int64_t(7), no, no, no,
                            int64_t(0), 0.1, 0.9, 0.99, 1e-8, 1.0, 2) == DM_OK,
         "bag adam");
  EXPECT(bag_sgd_of<float>(none.data(), none.data(), none.data(), int64_t(3), int64_t(7), no, no, no, int64_t(0), 0.1, 2) == DM_OK,
         "bag sgd");
  EXPECT(none.sentries_stand(), "wrote past its end");
}

TEST(rows_are_zeroed) {
  Array<float> table(53 * 7, 1.5f);
  const int64_t rows[] = {0, 3, 11, 52};
  dm_zero_rows(table.data(), rows, 4, 7 * sizeof(float), 3);
  for (int64_t i = 0; i < table.size(); i++) {
    const bool zeroed = std::binary_search(rows, rows + 4, i / 7);
    EXPECT(table[i] == (zeroed ? 0.0f : 1.5f), "value %lld is %g", (long long)i, double(table[i]));
  }
  EXPECT(table.sentries_stand(), "wrote past its end");
}

TEST(huge_pages_keep_the_contents) {
  const int64_t bytes = int64_t(9) << 20;
  std::unique_ptr<char[]> block(new char[size_t(bytes)]);
  for (int64_t i = 0; i < bytes; i += 997) block[size_t(i)] = char(i);
  const int64_t advised = dm_advise_huge_pages(block.get(), bytes);
  EXPECT(advised == 0 || (advised % (int64_t(2) << 20) == 0 && advised <= bytes), "%lld bytes", (long long)advised);
  for (int64_t i = 0; i < bytes; i += 997) EXPECT(block[size_t(i)] == char(i), "byte %lld", (long long)i);
  EXPECT(dm_advise_huge_pages(block.get(), 0) == 0, "nothing to advise");
  EXPECT(dm_advise_huge_pages(block.get(), 4096) == 0, "no whole huge page inside");
}

}  // namespace

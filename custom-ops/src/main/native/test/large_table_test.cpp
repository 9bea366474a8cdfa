// Tables of more than 2^32 values: an offset cut to 32 bits, signed or not, reads or writes another row or dies. The tables
// are mapped without memory behind them; only the pages of the rows that are touched exist.
#include <sys/mman.h>

#include "typed.h"

namespace {

constexpr int64_t kValueSize = 67, kSlots = (int64_t(1) << 32) / kValueSize + 11;
constexpr int64_t kBags = 3, kBagSize = 5, kAccesses = kBags * kBagSize, kRows = 5;
// The rows around the ends, and around 2^31 values.
const int64_t kTouched[kRows] = {0, 1, (int64_t(1) << 31) / kValueSize, kSlots - 2, kSlots - 1};
const int64_t kPicks[kAccesses] = {4, 0, 3, 2, 4, 1, 1, 3, 4, 0, 2, 4, 3, 0, 1};  // every row at least once

class Table {
 public:
  Table() {
    void *memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) data_ = static_cast<float *>(memory);
  }
  ~Table() {
    if (data_) munmap(data_, kBytes);
  }
  Table(const Table &) = delete;
  Table &operator=(const Table &) = delete;

  bool mapped() const { return data_ != nullptr; }
  float *data() { return data_; }
  float *row(int64_t touched) { return data_ + kTouched[touched] * kValueSize; }

  // The touched rows, one after the other.
  Array<float> rows() {
    Array<float> all(kRows * kValueSize);
    for (int64_t i = 0; i < all.size(); i++) all[i] = row(i / kValueSize)[i % kValueSize];
    return all;
  }
  void fill(const Array<float> &all) {
    for (int64_t i = 0; i < all.size(); i++) row(i / kValueSize)[i % kValueSize] = all[i];
  }

 private:
  static constexpr size_t kBytes = size_t(kSlots * kValueSize) * sizeof(float);
  float *data_ = nullptr;
};

// The accesses to the large table, and the same accesses to a table of the touched rows alone.
struct Accesses {
  explicit Accesses(bool large) : slots(kAccesses), order(kAccesses), rows(kAccesses), starts(kAccesses + 1), scratch(2 * kAccesses) {
    for (int64_t a = 0; a < kAccesses; a++) slots[a] = large ? kTouched[kPicks[a]] : kPicks[a];
    int64_t where = -1;
    const int32_t status = dm_group_by_row(slots.data(), kAccesses, large ? kSlots : kRows, order.data(), rows.data(),
                                           starts.data(), scratch.data(), &rowCount, 2, &where);
    EXPECT(status == DM_OK && rowCount == kRows, "status %d, %lld rows", status, (long long)rowCount);
  }
  Array<int64_t> slots, order, rows, starts, scratch;
  int64_t rowCount = 0;
};

TEST(large_tables_are_read_and_changed_in_the_right_rows) {
  Table values, gradients, m, v;
  EXPECT(values.mapped() && gradients.mapped() && m.mapped() && v.mapped(), "no address space for four tables of 16 GiB");
  if (!values.mapped() || !gradients.mapped() || !m.mapped() || !v.mapped()) return;
  Array<float> smallValues = normals<float>(kRows * kValueSize), smallGradients(kRows * kValueSize),
               smallM(kRows * kValueSize, 0.0f), smallV(kRows * kValueSize, 0.0f);
  values.fill(smallValues);
  const Array<float> weights = normals<float>(kAccesses), outGradients = normals<float>(kBags * kValueSize);
  Accesses large(true), small(false);
  int64_t where = -1;

  Array<float> out(kBags * kValueSize), wantOut(kBags * kValueSize);
  bag<float>(values.data(), large.slots.data(), weights.data(), kBags, kBagSize, kSlots, kValueSize, out.data(), 2, &where);
  bag<float>(smallValues.data(), small.slots.data(), weights.data(), kBags, kBagSize, kRows, kValueSize, wantOut.data(), 2, &where);
  EXPECT(out.same_bits(wantOut), "bag");

  Array<float> weightGradients(kAccesses), wantWeightGradients(kAccesses);
  bag_bp<float>(values.data(), weights.data(), outGradients.data(), kBagSize, kValueSize, large.order.data(), large.rows.data(),
                large.starts.data(), large.rowCount, gradients.data(), 1, weightGradients.data(), 2);
  bag_bp<float>(smallValues.data(), weights.data(), outGradients.data(), kBagSize, kValueSize, small.order.data(),
                small.rows.data(), small.starts.data(), small.rowCount, smallGradients.data(), 1, wantWeightGradients.data(), 2);
  EXPECT(gradients.rows().same_bits(smallGradients), "gradients of rows");
  EXPECT(weightGradients.same_bits(wantWeightGradients), "gradients of weights");

  adam_of<float>(large.rows.data(), large.rowCount, kValueSize, gradients.data(), 1, m.data(), v.data(), values.data(), 1, 0.1,
                 0.9, 0.99, 1e-8, 0.5, 2);
  adam_of<float>(small.rows.data(), small.rowCount, kValueSize, smallGradients.data(), 1, smallM.data(), smallV.data(),
                 smallValues.data(), 1, 0.1, 0.9, 0.99, 1e-8, 0.5, 2);
  EXPECT(m.rows().same_bits(smallM) && v.rows().same_bits(smallV), "moments of Adam");
  EXPECT(values.rows().same_bits(smallValues), "values after Adam");

  sgd_of<float>(large.rows.data(), large.rowCount, kValueSize, gradients.data(), 1, values.data(), 1, 0.25, 2);
  sgd_of<float>(small.rows.data(), small.rowCount, kValueSize, smallGradients.data(), 1, smallValues.data(), 1, 0.25, 2);
  EXPECT(values.rows().same_bits(smallValues), "values after SGD");

  bag_adam_of<float>(values.data(), m.data(), v.data(), weights.data(), outGradients.data(), kBagSize, kValueSize,
                     large.order.data(), large.rows.data(), large.starts.data(), large.rowCount, 0.1, 0.9, 0.99, 1e-8, 0.5, 2);
  bag_adam_of<float>(smallValues.data(), smallM.data(), smallV.data(), weights.data(), outGradients.data(), kBagSize, kValueSize,
                     small.order.data(), small.rows.data(), small.starts.data(), small.rowCount, 0.1, 0.9, 0.99, 1e-8, 0.5, 2);
  EXPECT(m.rows().same_bits(smallM) && v.rows().same_bits(smallV), "moments of Adam in one pass");
  EXPECT(values.rows().same_bits(smallValues), "values after Adam in one pass");

  bag_sgd_of<float>(values.data(), weights.data(), outGradients.data(), kBagSize, kValueSize, large.order.data(),
                    large.rows.data(), large.starts.data(), large.rowCount, 0.25, 2);
  bag_sgd_of<float>(smallValues.data(), weights.data(), outGradients.data(), kBagSize, kValueSize, small.order.data(),
                    small.rows.data(), small.starts.data(), small.rowCount, 0.25, 2);
  EXPECT(values.rows().same_bits(smallValues), "values after SGD in one pass");

  dm_zero_rows(gradients.data(), large.rows.data(), large.rowCount, kValueSize * int64_t(sizeof(float)), 2);
  EXPECT(gradients.rows().same_bits(Array<float>(kRows * kValueSize, 0.0f)), "zeroed rows");
}

}  // namespace

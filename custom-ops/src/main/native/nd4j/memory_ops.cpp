// The memory ops: shapes, checks and calls of the kernels (kernels.h holds the mathematics).
#include "memory_ops.h"

#include "memory_op.h"

namespace dl4jmemory {

namespace {

template <typename T>
struct Kernels;

#define DM_KERNEL_SET(T, SUFFIX)                                                    \
  template <>                                                                       \
  struct Kernels<T> {                                                               \
    static constexpr auto productKeyTopK = dm_product_key_topk_##SUFFIX;            \
    static constexpr auto productKeyTopKGradient = dm_product_key_topk_bp_##SUFFIX; \
    static constexpr auto weightedBag = dm_weighted_bag_##SUFFIX;                   \
    static constexpr auto weightedBagGradient = dm_weighted_bag_bp_##SUFFIX;        \
    static constexpr auto rowAdam = dm_row_adam_##SUFFIX;                           \
    static constexpr auto rowSgd = dm_row_sgd_##SUFFIX;                             \
  };
DM_KERNEL_SET(float, f32)
DM_KERNEL_SET(double, f64)

template <typename T>
void zero(T *data, int64_t count) {
  if (count > 0) std::memset(data, 0, count * sizeof(T));
}

// Gives runFloat and runDouble to an op that has run<T>.
template <typename Op>
class Typed : public MemoryOp {
 public:
  using MemoryOp::MemoryOp;

 protected:
  void runFloat(const Call &call) const override { static_cast<const Op *>(this)->template run<float>(call); }
  void runDouble(const Call &call) const override { static_cast<const Op *>(this)->template run<double>(call); }
};

constexpr int64_t kMostSubKeys = 65536;  // see kernels.h

void requireKeys(const char *op, const Shape &query, const Shape &subKeys, int64_t topK) {
  requireFloating(op, "query", query, "[batch, heads, keySize]", 3);
  requireFloating(op, "subKeys", subKeys, "[heads, 2, n, keySize/2]", 4);
  requireSameType(op, "subKeys", subKeys, "query", query);
  if (query.size(2) == 0 || query.size(2) % 2 != 0)
    reject(op, "keySize", "an even number, 2 or more", std::to_string(query.size(2)) + " (shape " + query.sizes() + ")",
           "choose an even keySize, it is split into two halves");
  if (subKeys.size(0) != query.size(1) || subKeys.size(1) != 2 || subKeys.size(3) != query.size(2) / 2)
    reject(op, "subKeys",
           "[" + std::to_string(query.size(1)) + ", 2, n, " + std::to_string(query.size(2) / 2) + "]",
           subKeys.sizes() + " (query " + query.sizes() + ")", "pass subKeys of [heads, 2, n, keySize/2]");
  if (subKeys.size(2) < 1 || subKeys.size(2) > kMostSubKeys)
    reject(op, "subKeys", "1 to " + std::to_string(kMostSubKeys),
           std::to_string(subKeys.size(2)) + " (shape " + subKeys.sizes() + ")",
           "use between 1 and " + std::to_string(kMostSubKeys) + " keys on a side");
  if (topK < 1 || topK > subKeys.size(2))
    reject(op, "topK", "1 to n = " + std::to_string(subKeys.size(2)), std::to_string(topK),
           "choose a smaller topK or more subKeys");
}

// query [batch, heads, keySize], subKeys [heads, 2, n, keySize/2]; topK -> scores, slots [batch, heads, topK]
class ProductKeyTopK final : public Typed<ProductKeyTopK> {
 public:
  ProductKeyTopK() : Typed("product_key_topk", 2, 2, 0, 1) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape query = call.shape(0), subKeys = call.shape(1);
    const int64_t heads = query.size(1), topK = call.iArgs[0];
    if (query.length() == 0) return;
    Input<T> queryIn(call.in[0]), subKeysIn(call.in[1]);
    Output<T> scores(call.out[0], call.in);
    Output<int64_t> slots(call.out[1], call.in);
    int64_t where = 0;
    const int32_t status =
        Kernels<T>::productKeyTopK(queryIn.data(), subKeysIn.data(), query.size(0), heads, subKeys.size(2),
                                   query.size(2), topK, scores.data(), slots.data(), call.threads, &where);
    if (status == DM_NAN)
      reject(name_, "query", "scores that are numbers",
             "NaN at batch " + std::to_string(where / heads) + ", head " + std::to_string(where % heads),
             "look for NaN in query and subKeys");
    if (status != DM_OK) outOfMemory(name_);
    scores.commit();
    slots.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &iArgs, OutputShapes &out) const override {
    requireKeys(name_, in[0], in[1], iArgs[0]);
    out.shape[0] = {"scores", in[0].floatType(), 3, {in[0].size(0), in[0].size(1), iArgs[0]}};
    out.shape[1] = {"slots", sd::INT64, 3, {in[0].size(0), in[0].size(1), iArgs[0]}};
    out.count = 2;
  }
};

// query, subKeys, slots, scoreGradients [batch, heads, topK] -> gradients of query and of subKeys
class ProductKeyTopKGradient final : public Typed<ProductKeyTopKGradient> {
 public:
  ProductKeyTopKGradient() : Typed("product_key_topk_bp", 4, 2, 0, 0) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape query = call.shape(0), subKeys = call.shape(1), slotShape = call.shape(2);
    Output<T> queryGradients(call.out[0], call.in), subKeyGradients(call.out[1], call.in);
    if (query.length() == 0) {
      zero(subKeyGradients.data(), subKeys.length());
      subKeyGradients.commit();
      return;
    }
    Input<T> queryIn(call.in[0]), subKeysIn(call.in[1]), scoreGradients(call.in[3]);
    IndexInput slots(call.in[2]);
    const int64_t n = subKeys.size(2);
    int64_t where = 0;
    const int32_t status = Kernels<T>::productKeyTopKGradient(
        queryIn.data(), subKeysIn.data(), slots.data(), scoreGradients.data(), query.size(0), query.size(1), n,
        query.size(2), slotShape.size(2), queryGradients.data(), subKeyGradients.data(), call.threads, &where);
    if (status == DM_OUT_OF_RANGE) rejectOutOfRange(name_, "slots", slots.data(), where, n * n);
    if (status != DM_OK) outOfMemory(name_);
    queryGradients.commit();
    subKeyGradients.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &, OutputShapes &out) const override {
    requireIndices(name_, "slots", in[2], "[batch, heads, topK]", 3);
    requireFloating(name_, "scoreGradients", in[3], "[batch, heads, topK]", 3);
    requireKeys(name_, in[0], in[1], in[2].size(2));
    requireSameType(name_, "scoreGradients", in[3], "query", in[0]);
    requireSizes(name_, "scoreGradients", in[3], "slots", in[2]);
    if (in[2].size(0) != in[0].size(0) || in[2].size(1) != in[0].size(1))
      reject(name_, "slots", "[" + std::to_string(in[0].size(0)) + ", " + std::to_string(in[0].size(1)) + ", topK]",
             in[2].sizes(), "pass the slots that product_key_topk gave for this query");
    out.like("queryGradients", in[0]);
    out.like("subKeyGradients", in[1]);
  }
};

void requireBag(const char *op, const Shape &values, const Shape &slots, const Shape &weights) {
  requireFloating(op, "values", values, "[slots, valueSize]", 2);
  if (values.size(1) < 1) reject(op, "values", "valueSize >= 1", values.sizes(), "give a slot a value");
  requireIndices(op, "slots", slots, "[bags, bagSize]", 2);
  requireFloating(op, "weights", weights, "[bags, bagSize]", 2);
  requireSameType(op, "weights", weights, "values", values);
  requireSizes(op, "weights", weights, "slots", slots);
}

// values [slots, valueSize], slots, weights [bags, bagSize] -> out [bags, valueSize]
class WeightedBag final : public Typed<WeightedBag> {
 public:
  WeightedBag() : Typed("weighted_bag", 3, 1, 0, 0) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape values = call.shape(0), slotShape = call.shape(1);
    const int64_t bags = slotShape.size(0), valueSize = values.size(1);
    if (bags == 0) return;
    Input<T> valuesIn(call.in[0]), weights(call.in[2]);
    IndexInput slots(call.in[1]);
    Output<T> out(call.out[0], call.in);
    int64_t where = 0;
    const int32_t status = Kernels<T>::weightedBag(valuesIn.data(), slots.data(), weights.data(), bags,
                                                   slotShape.size(1), values.size(0), valueSize, out.data(),
                                                   call.threads, &where);
    if (status == DM_OUT_OF_RANGE) rejectOutOfRange(name_, "slots", slots.data(), where, values.size(0));
    if (status != DM_OK) outOfMemory(name_);
    out.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &, OutputShapes &out) const override {
    requireBag(name_, in[0], in[1], in[2]);
    out.shape[out.count++] = {"out", in[0].floatType(), 2, {in[1].size(0), in[0].size(1)}};
  }
};

// values, slots, weights, outGradients [bags, valueSize] -> dense gradient of values, gradient of weights
class WeightedBagGradient final : public Typed<WeightedBagGradient> {
 public:
  WeightedBagGradient() : Typed("weighted_bag_bp", 4, 2, 0, 0) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape values = call.shape(0), slotShape = call.shape(1);
    const int64_t accesses = slotShape.length(), slotCount = values.size(0);
    Output<T> valueGradients(call.out[0], call.in), weightGradients(call.out[1], call.in);
    IndexInput slots(call.in[1]);
    Scratch<int64_t> order(accesses), rows(accesses), starts(accesses + 1), scratch(2 * accesses);
    int64_t rowCount = 0, where = 0;
    if (accesses > 0) {
      const int32_t status = dm_group_by_row(slots.data(), accesses, slotCount, order.data(), rows.data(),
                                             starts.data(), scratch.data(), &rowCount, call.threads, &where);
      if (status == DM_OUT_OF_RANGE) rejectOutOfRange(name_, "slots", slots.data(), where, slotCount);
      if (status != DM_OK) outOfMemory(name_);
    }
    zero(valueGradients.data(), values.length());
    if (accesses > 0) {
      Input<T> valuesIn(call.in[0]), weights(call.in[2]), outGradients(call.in[3]);
      const int32_t status = Kernels<T>::weightedBagGradient(
          valuesIn.data(), weights.data(), outGradients.data(), slotShape.size(1), values.size(1), order.data(),
          rows.data(), starts.data(), rowCount, valueGradients.data(), 1, weightGradients.data(), call.threads);
      if (status != DM_OK) outOfMemory(name_);
    }
    valueGradients.commit();
    weightGradients.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &, OutputShapes &out) const override {
    requireBag(name_, in[0], in[1], in[2]);
    requireFloating(name_, "outGradients", in[3], "[bags, valueSize]", 2);
    requireSameType(name_, "outGradients", in[3], "values", in[0]);
    if (in[3].size(0) != in[1].size(0) || in[3].size(1) != in[0].size(1))
      reject(name_, "outGradients",
             "[" + std::to_string(in[1].size(0)) + ", " + std::to_string(in[0].size(1)) + "]", in[3].sizes(),
             "pass outGradients of [bags, valueSize]");
    out.like("valueGradients", in[0]);
    out.like("weightGradients", in[2]);
  }
};

void requireRows(const char *op, const Shape &values, const Shape &rows, const Shape &gradients) {
  requireFloating(op, "values", values, "[slots, valueSize]", 2);
  requireIndices(op, "rows", rows, "[count]", 1);
  requireFloating(op, "rowGradients", gradients, "[count, valueSize]", 2);
  requireSameType(op, "rowGradients", gradients, "values", values);
  if (gradients.size(0) != rows.length() || gradients.size(1) != values.size(1))
    reject(op, "rowGradients", "[" + std::to_string(rows.length()) + ", " + std::to_string(values.size(1)) + "]",
           gradients.sizes(), "pass one gradient row for each entry of rows");
}

// Rows are visited by several threads at once: each must occur once.
void requireAscendingRows(const char *op, const int64_t *rows, int64_t count, int64_t slotCount) {
  for (int64_t i = 0; i < count; i++) {
    if (rows[i] < 0 || rows[i] >= slotCount) rejectOutOfRange(op, "rows", rows, i, slotCount);
    if (i > 0 && rows[i] <= rows[i - 1])
      reject(op, "rows", "ascending, each row once",
             std::to_string(rows[i]) + " after " + std::to_string(rows[i - 1]) + " at index " + std::to_string(i),
             "add up the gradients of equal rows and sort rows");
  }
}

// values, m, v [slots, valueSize], rows [count], rowGradients [count, valueSize];
// stepSize, beta1, beta2, epsilon, gradientScale -> values, m, v
class RowAdam final : public Typed<RowAdam> {
 public:
  RowAdam() : Typed("row_adam", 5, 3, 5, 0) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape table = call.shape(0);
    const int64_t count = call.shape(3).length();
    IndexInput rows(call.in[3]);
    requireAscendingRows(name_, rows.data(), count, table.size(0));
    Input<T> gradients(call.in[4]);
    Updated<T> values(call.in[0], call.out[0], call.in), m(call.in[1], call.out[1], call.in),
        v(call.in[2], call.out[2], call.in);
    if (count > 0 && table.length() > 0) {
      const double *args = call.tArgs.data();
      const int32_t status = Kernels<T>::rowAdam(rows.data(), count, table.size(1), const_cast<T *>(gradients.data()),
                                                 0, m.data(), v.data(), values.data(), 1, args[0], args[1], args[2],
                                                 args[3], args[4], call.threads);
      if (status != DM_OK) outOfMemory(name_);
    }
    values.commit();
    m.commit();
    v.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &, OutputShapes &out) const override {
    requireRows(name_, in[0], in[3], in[4]);
    const char *names[] = {"values", "m", "v"};
    for (int i = 0; i < 3; i++) {
      requireFloating(name_, names[i], in[i], "[slots, valueSize]", 2);
      requireSameType(name_, names[i], in[i], "values", in[0]);
      requireSizes(name_, names[i], in[i], "values", in[0]);
      out.like(names[i], in[i]);
    }
  }
};

// values [slots, valueSize], rows [count], rowGradients [count, valueSize]; learningRate -> values
class RowSgd final : public Typed<RowSgd> {
 public:
  RowSgd() : Typed("row_sgd", 3, 1, 1, 0) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape table = call.shape(0);
    const int64_t count = call.shape(1).length();
    IndexInput rows(call.in[1]);
    requireAscendingRows(name_, rows.data(), count, table.size(0));
    Input<T> gradients(call.in[2]);
    Updated<T> values(call.in[0], call.out[0], call.in);
    if (count > 0 && table.length() > 0) {
      const int32_t status = Kernels<T>::rowSgd(rows.data(), count, table.size(1), const_cast<T *>(gradients.data()), 0,
                                                values.data(), 1, call.tArgs[0], call.threads);
      if (status != DM_OK) outOfMemory(name_);
    }
    values.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &, OutputShapes &out) const override {
    requireRows(name_, in[0], in[1], in[2]);
    out.like("values", in[0]);
  }
};

}  // namespace

sd::ops::DeclarableOp *createOp(int index) {
  switch (index) {
    case 0:
      return new ProductKeyTopK();
    case 1:
      return new ProductKeyTopKGradient();
    case 2:
      return new WeightedBag();
    case 3:
      return new WeightedBagGradient();
    case 4:
      return new RowAdam();
    case 5:
      return new RowSgd();
    default:
      index -= kMemoryOps;
      return index < kUltraMemOps ? createUltraMemOp(index) : createAttentionOp(index - kUltraMemOps);
  }
}

}  // namespace dl4jmemory

// The ops of UltraMem: shapes, checks and calls of the kernels (ultramem_kernels.h holds the mathematics).
#include "memory_op.h"
#include "memory_ops.h"

namespace dl4jmemory {

namespace {

template <typename T>
struct UltraMemKernels;

#define DM_ULTRAMEM_SET(T, SUFFIX)                                                    \
  template <>                                                                         \
  struct UltraMemKernels<T> {                                                         \
    static constexpr auto tuckerTopK = dm_tucker_topk_##SUFFIX;                       \
    static constexpr auto tuckerTopKGradient = dm_tucker_topk_bp_##SUFFIX;            \
    static constexpr auto expandedBag = dm_expanded_bag_##SUFFIX;                     \
    static constexpr auto expandedBagWeights = dm_expanded_bag_weights_bp_##SUFFIX;   \
    static constexpr auto bagGradient = dm_weighted_bag_bp_##SUFFIX;                  \
    static constexpr auto rowDots = dm_weighted_bag_weights_bp_##SUFFIX;              \
  };
DM_ULTRAMEM_SET(float, f32)
DM_ULTRAMEM_SET(double, f64)

// Gives runFloat and runDouble to an op that has run<T>.
template <typename Op>
class TypedOp : public MemoryOp {
 public:
  using MemoryOp::MemoryOp;

 protected:
  void runFloat(const Call &call) const override { static_cast<const Op *>(this)->template run<float>(call); }
  void runDouble(const Call &call) const override { static_cast<const Op *>(this)->template run<double>(call); }
};

constexpr int64_t kMostKeys = 65536;  // see kernels.h

std::string text(int64_t number) { return std::to_string(number); }

void requireShape(const char *op, const char *name, const Shape &shape, const char *axes, std::initializer_list<int64_t> sizes) {
  std::string expected = "[";
  bool same = true;
  int axis = 0;
  for (int64_t size : sizes) {
    same = same && (size < 0 ? shape.size(axis) >= 1 : shape.size(axis) == size);
    expected += (axis ? ", " : "") + (size < 0 ? "1 or more" : text(size));
    axis++;
  }
  if (!same) reject(op, name, expected + "]", shape.sizes(), "pass " + std::string(name) + " of " + axes);
}

// query, keys, cores
void requireTucker(const char *op, const Shapes &in, int64_t topK) {
  const Shape query = in[0], keys = in[1], cores = in[2];
  requireFloating(op, "query", query, "[batch, heads, 2, rank, keySize]", 5);
  requireShape(op, "query", query, "[batch, heads, 2, rank, keySize]", {query.size(0), -1, 2, -1, -1});
  requireFloating(op, "keys", keys, "[heads, 2, rank, n, keySize]", 5);
  requireSameType(op, "keys", keys, "query", query);
  requireShape(op, "keys", keys, "[heads, 2, rank, n, keySize]", {query.size(1), 2, query.size(3), -1, query.size(4)});
  if (keys.size(3) > kMostKeys)
    reject(op, "keys", "1 to " + text(kMostKeys) + " keys on a side", text(keys.size(3)), "use fewer keys");
  requireFloating(op, "cores", cores, "[heads, cores, rank, rank]", 4);
  requireSameType(op, "cores", cores, "query", query);
  requireShape(op, "cores", cores, "[heads, cores, rank, rank]", {query.size(1), -1, query.size(3), query.size(3)});
  if (topK < 1 || topK > keys.size(3))
    reject(op, "topK", "1 to n = " + text(keys.size(3)), text(topK), "choose a smaller topK or more keys");
}

// query, keys, cores, filters; topK -> scores [batch, heads, topK, cores], slots [batch, heads, topK]
class TuckerTopK final : public TypedOp<TuckerTopK> {
 public:
  TuckerTopK() : TypedOp("tucker_topk", 4, 2, 0, 1) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape query = call.shape(0), keys = call.shape(1), cores = call.shape(2);
    if (query.length() == 0) return;
    Input<T> queryIn(call.in[0]), keysIn(call.in[1]), coresIn(call.in[2]), filters(call.in[3]);
    Output<T> scores(call.out[0], call.in);
    Output<int64_t> slots(call.out[1], call.in);
    const int64_t heads = query.size(1);
    int64_t where = 0;
    const int32_t status = UltraMemKernels<T>::tuckerTopK(
        queryIn.data(), keysIn.data(), coresIn.data(), filters.data(), 0, query.size(0), heads, query.size(3), cores.size(1),
        keys.size(3), query.size(4), call.iArgs[0], scores.data(), slots.data(), call.threads, &where);
    if (status == DM_NAN)
      reject(name_, "query", "scores that are numbers", "NaN at batch " + text(where / heads) + ", head " + text(where % heads),
             "look for NaN in query, keys, cores and filters");
    if (status != DM_OK) outOfMemory(name_);
    scores.commit();
    slots.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &iArgs, OutputShapes &out) const override {
    requireTucker(name_, in, iArgs[0]);
    requireFloating(name_, "filters", in[3], "[heads, 2, rank]", 3);
    requireSameType(name_, "filters", in[3], "query", in[0]);
    requireShape(name_, "filters", in[3], "[heads, 2, rank]", {in[0].size(1), 2, in[0].size(3)});
    out.shape[0] = {"scores", in[0].floatType(), 4, {in[0].size(0), in[0].size(1), iArgs[0], in[2].size(1)}};
    out.shape[1] = {"slots", sd::INT64, 3, {in[0].size(0), in[0].size(1), iArgs[0]}};
    out.count = 2;
  }
};

// query, keys, cores, slots [batch, heads, topK], scoreGradients [batch, heads, topK, cores] -> gradients of the first three
class TuckerTopKGradient final : public TypedOp<TuckerTopKGradient> {
 public:
  TuckerTopKGradient() : TypedOp("tucker_topk_bp", 5, 3, 0, 0) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape query = call.shape(0), keys = call.shape(1), cores = call.shape(2), slotShape = call.shape(3);
    Output<T> queryGradients(call.out[0], call.in), keyGradients(call.out[1], call.in), coreGradients(call.out[2], call.in);
    if (query.length() == 0) {
      std::memset(keyGradients.data(), 0, keys.length() * sizeof(T));
      std::memset(coreGradients.data(), 0, cores.length() * sizeof(T));
    } else {
      Input<T> queryIn(call.in[0]), keysIn(call.in[1]), coresIn(call.in[2]), scoreGradients(call.in[4]);
      IndexInput slots(call.in[3]);
      const int64_t n = keys.size(3);
      int64_t where = 0;
      const int32_t status = UltraMemKernels<T>::tuckerTopKGradient(
          queryIn.data(), keysIn.data(), coresIn.data(), slots.data(), scoreGradients.data(), query.size(0), query.size(1),
          query.size(3), cores.size(1), n, query.size(4), slotShape.size(2), queryGradients.data(), keyGradients.data(),
          coreGradients.data(), call.threads, &where);
      if (status == DM_OUT_OF_RANGE) rejectOutOfRange(name_, "slots", slots.data(), where, n * n);
      if (status != DM_OK) outOfMemory(name_);
    }
    queryGradients.commit();
    keyGradients.commit();
    coreGradients.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &, OutputShapes &out) const override {
    requireIndices(name_, "slots", in[3], "[batch, heads, topK]", 3);
    requireTucker(name_, in, in[3].size(2));
    requireShape(name_, "slots", in[3], "[batch, heads, topK]", {in[0].size(0), in[0].size(1), in[3].size(2)});
    requireFloating(name_, "scoreGradients", in[4], "[batch, heads, topK, cores]", 4);
    requireSameType(name_, "scoreGradients", in[4], "query", in[0]);
    requireShape(name_, "scoreGradients", in[4], "[batch, heads, topK, cores]",
                 {in[0].size(0), in[0].size(1), in[3].size(2), in[2].size(1)});
    out.like("queryGradients", in[0]);
    out.like("keyGradients", in[1]);
    out.like("coreGradients", in[2]);
  }
};

// virtualSlots of any shape up to rank 5; slotCount, expansion, seed -> slots, blocks
class ExpandSlots final : public TypedOp<ExpandSlots> {
 public:
  ExpandSlots() : TypedOp("expand_slots", 1, 2, 0, 3) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape shape = call.shape(0);
    if (shape.length() == 0) return;
    IndexInput from(call.in[0]);
    Output<int64_t> slots(call.out[0], call.in), blocks(call.out[1], call.in);
    const int64_t slotCount = call.iArgs[0], expansion = call.iArgs[1];
    int64_t where = 0;
    const int32_t status = dm_expand_slots(from.data(), shape.length(), slotCount, expansion, call.iArgs[2], slots.data(),
                                           blocks.data(), call.threads, &where);
    if (status == DM_OUT_OF_RANGE) rejectOutOfRange(name_, "virtualSlots", from.data(), where, slotCount * expansion);
    slots.commit();
    blocks.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &iArgs, OutputShapes &out) const override {
    requireIndices(name_, "virtualSlots", in[0], "any shape", in[0].rank());
    if (in[0].rank() > 5) reject(name_, "virtualSlots", "rank 0 to 5", "rank " + text(in[0].rank()), "reshape virtualSlots");
    if (iArgs[0] < 1) reject(name_, "slotCount", "1 or more", text(iArgs[0]), "pass the rows of the table");
    if (iArgs[1] < 1) reject(name_, "expansion", "1 or more", text(iArgs[1]), "pass the number of blocks");
    for (const char *name : {"slots", "blocks"}) {
      OutputShape &next = out.shape[out.count++];
      next = {name, sd::INT64, in[0].rank(), {}};
      for (int a = 0; a < in[0].rank(); a++) next.sizes[a] = in[0].size(a);
    }
  }
};

// values, slots, blocks, weights
void requireExpandedBag(const char *op, const Shapes &in, int64_t expansion) {
  requireFloating(op, "values", in[0], "[slots, valueSize]", 2);
  requireShape(op, "values", in[0], "[slots, valueSize]", {-1, -1});
  requireIndices(op, "slots", in[1], "[bags, bagSize]", 2);
  requireIndices(op, "blocks", in[2], "[bags, bagSize]", 2);
  requireSizes(op, "blocks", in[2], "slots", in[1]);
  requireFloating(op, "weights", in[3], "[bags, bagSize, cores]", 3);
  requireSameType(op, "weights", in[3], "values", in[0]);
  requireShape(op, "weights", in[3], "[bags, bagSize, cores]", {in[1].size(0), in[1].size(1), -1});
  if (in[0].size(1) % in[3].size(2) != 0)
    reject(op, "weights", "cores that divide valueSize = " + text(in[0].size(1)), text(in[3].size(2)),
           "choose valueSize as a multiple of cores");
  if (expansion < 1) reject(op, "expansion", "1 or more", text(expansion), "pass the number of blocks");
}

void requireInside(const char *op, const char *name, const int64_t *numbers, int64_t count, int64_t below) {
  for (int64_t i = 0; i < count; i++)
    if (numbers[i] < 0 || numbers[i] >= below)
      reject(op, name, "0 to " + text(below - 1), text(numbers[i]) + " at flat index " + text(i),
             "pass the " + std::string(name) + " that expand_slots gave for this table");
}

// values, slots, blocks, weights [bags, bagSize, cores]; expansion -> out [bags, expansion, valueSize]
class ExpandedBag final : public TypedOp<ExpandedBag> {
 public:
  ExpandedBag() : TypedOp("expanded_bag", 4, 1, 0, 1) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape values = call.shape(0), slotShape = call.shape(1);
    if (slotShape.size(0) == 0) return;
    Input<T> valuesIn(call.in[0]), weights(call.in[3]);
    IndexInput slots(call.in[1]), blocks(call.in[2]);
    requireInside(name_, "slots", slots.data(), slotShape.length(), values.size(0));
    requireInside(name_, "blocks", blocks.data(), slotShape.length(), call.iArgs[0]);
    Output<T> out(call.out[0], call.in);
    const int32_t status = UltraMemKernels<T>::expandedBag(
        valuesIn.data(), slots.data(), blocks.data(), weights.data(), slotShape.size(0), slotShape.size(1),
        call.shape(3).size(2), call.iArgs[0], values.size(1), out.data(), call.threads);
    if (status != DM_OK) outOfMemory(name_);
    out.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &iArgs, OutputShapes &out) const override {
    requireExpandedBag(name_, in, iArgs[0]);
    out.shape[out.count++] = {"out", in[0].floatType(), 3, {in[1].size(0), iArgs[0], in[0].size(1)}};
  }
};

// values, slots, blocks, weights, outGradients [bags, expansion, valueSize] -> dense gradient of values, gradient of weights
class ExpandedBagGradient final : public TypedOp<ExpandedBagGradient> {
 public:
  ExpandedBagGradient() : TypedOp("expanded_bag_bp", 5, 2, 0, 0) {}

  // The gradient of the table is that of a weighted bag of slices, with a bag for each block and slice.
  template <typename T>
  void run(const Call &call) const {
    const Shape values = call.shape(0), slotShape = call.shape(1);
    const int64_t accesses = slotShape.length(), cores = call.shape(3).size(2), expansion = call.shape(4).size(1);
    const int64_t bagSize = slotShape.size(1), all = accesses * cores, width = values.size(1) / cores;
    Output<T> valueGradients(call.out[0], call.in), weightGradients(call.out[1], call.in);
    IndexInput slots(call.in[1]), blocks(call.in[2]);
    requireInside(name_, "slots", slots.data(), accesses, values.size(0));
    requireInside(name_, "blocks", blocks.data(), accesses, expansion);
    std::memset(valueGradients.data(), 0, values.length() * sizeof(T));
    if (accesses > 0) {
      Input<T> valuesIn(call.in[0]), weights(call.in[3]), outGradients(call.in[4]);
      Scratch<int64_t> slices(all), order(all), rows(all), starts(all + 1), scratch(2 * all);
      Scratch<T> placed(all * expansion);
      for (int64_t i = 0; i < all; i++) slices.data()[i] = slots.data()[i / cores] * cores + i % cores;
      int64_t rowCount = 0, where = 0;
      if (dm_group_by_row(slices.data(), all, values.size(0) * cores, order.data(), rows.data(), starts.data(), scratch.data(),
                          &rowCount, call.threads, &where) != DM_OK)
        outOfMemory(name_);
      for (int64_t s = 0; s < all; s++) {
        const int64_t from = order.data()[s], access = from / cores, bag = access / bagSize * expansion + blocks.data()[access];
        const int64_t place = (bag * cores + from % cores) * bagSize + access % bagSize;
        placed.data()[place] = weights.data()[from];
        order.data()[s] = place;
      }
      if (UltraMemKernels<T>::bagGradient(valuesIn.data(), placed.data(), outGradients.data(), bagSize, width, order.data(),
                                          rows.data(), starts.data(), rowCount, valueGradients.data(), 1, nullptr,
                                          call.threads) != DM_OK ||
          UltraMemKernels<T>::expandedBagWeights(valuesIn.data(), slots.data(), blocks.data(), outGradients.data(),
                                                 slotShape.size(0), bagSize, cores, expansion, values.size(1),
                                                 weightGradients.data(), call.threads) != DM_OK)
        outOfMemory(name_);
    }
    valueGradients.commit();
    weightGradients.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &, OutputShapes &out) const override {
    requireFloating(name_, "outGradients", in[4], "[bags, expansion, valueSize]", 3);
    requireExpandedBag(name_, in, in[4].size(1));
    requireSameType(name_, "outGradients", in[4], "values", in[0]);
    requireShape(name_, "outGradients", in[4], "[bags, expansion, valueSize]", {in[1].size(0), -1, in[0].size(1)});
    out.like("valueGradients", in[0]);
    out.like("weightGradients", in[3]);
  }
};

// preValues [slots, valueSize], slots [bags, bagSize], inputs [bags, valueSize] -> out [bags, bagSize]
class RowDots final : public TypedOp<RowDots> {
 public:
  RowDots() : TypedOp("row_dots", 3, 1, 0, 0) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape values = call.shape(0), slotShape = call.shape(1);
    if (slotShape.length() == 0) return;
    Input<T> valuesIn(call.in[0]), inputs(call.in[2]);
    IndexInput slots(call.in[1]);
    Output<T> out(call.out[0], call.in);
    int64_t where = 0;
    const int32_t status = UltraMemKernels<T>::rowDots(valuesIn.data(), slots.data(), inputs.data(), slotShape.size(0),
                                                       slotShape.size(1), values.size(0), values.size(1), out.data(),
                                                       call.threads, &where);
    if (status == DM_OUT_OF_RANGE) rejectOutOfRange(name_, "slots", slots.data(), where, values.size(0));
    if (status != DM_OK) outOfMemory(name_);
    out.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &, OutputShapes &out) const override {
    requireFloating(name_, "preValues", in[0], "[slots, valueSize]", 2);
    requireShape(name_, "preValues", in[0], "[slots, valueSize]", {-1, -1});
    requireIndices(name_, "slots", in[1], "[bags, bagSize]", 2);
    requireFloating(name_, "inputs", in[2], "[bags, valueSize]", 2);
    requireSameType(name_, "inputs", in[2], "preValues", in[0]);
    requireShape(name_, "inputs", in[2], "[bags, valueSize]", {in[1].size(0), in[0].size(1)});
    out.shape[out.count++] = {"out", in[0].floatType(), 2, {in[1].size(0), in[1].size(1)}};
  }
};

}  // namespace

sd::ops::DeclarableOp *createUltraMemOp(int index) {
  switch (index) {
    case 0:
      return new TuckerTopK();
    case 1:
      return new TuckerTopKGradient();
    case 2:
      return new ExpandSlots();
    case 3:
      return new ExpandedBag();
    case 4:
      return new ExpandedBagGradient();
    default:
      return new RowDots();
  }
}

}  // namespace dl4jmemory

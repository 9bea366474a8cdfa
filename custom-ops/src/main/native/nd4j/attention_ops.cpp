// Separator attention and its gradient as ops: shapes, checks and calls of the kernels (kernels.h holds the mathematics).
#include "memory_op.h"
#include "memory_ops.h"

namespace dl4jmemory {

namespace {

template <typename T>
struct AttentionKernels;

template <>
struct AttentionKernels<float> {
  static constexpr auto forward = dm_separator_attention_f32;
  static constexpr auto backward = dm_separator_attention_bp_f32;
};
template <>
struct AttentionKernels<double> {
  static constexpr auto forward = dm_separator_attention_f64;
  static constexpr auto backward = dm_separator_attention_bp_f64;
};

constexpr int8_t kPadding = 2;  // the largest kind, see kernels.h
const char *const kQueryAxes = "[batch, time, heads, headSize]";
const char *const kKeyAxes = "[batch, time, keyValueHeads, headSize]";

void requireLike(const char *op, const char *name, const Shape &shape, const char *axes, const char *other,
                 const Shape &otherShape) {
  requireFloating(op, name, shape, axes, otherShape.rank());
  requireSameType(op, name, shape, other, otherShape);
  requireSizes(op, name, shape, other, otherShape);
}

// query, keys, values, kinds; initial, window
void requireAttention(const char *op, const Shapes &in, const std::vector<int> &iArgs) {
  const Shape query = in[0], keys = in[1], kinds = in[3];
  requireFloating(op, "query", query, kQueryAxes, 4);
  if (query.size(2) < 1 || query.size(3) < 1)
    reject(op, "query", "heads and headSize of 1 or more", query.sizes(), std::string("pass query of ") + kQueryAxes);
  requireFloating(op, "keys", keys, kKeyAxes, 4);
  requireSameType(op, "keys", keys, "query", query);
  if (keys.size(0) != query.size(0) || keys.size(1) != query.size(1) || keys.size(3) != query.size(3))
    reject(op, "keys", "batch, time and headSize of query " + query.sizes(), keys.sizes(),
           std::string("pass keys of ") + kKeyAxes);
  if (keys.size(2) < 1 || query.size(2) % keys.size(2) != 0)
    reject(op, "keys", "keyValueHeads that divide the heads of query " + query.sizes(), keys.sizes(),
           "pass keys of as many heads, or of a part of them");
  requireLike(op, "values", in[2], kKeyAxes, "keys", keys);
  if (!kinds.isByte()) reject(op, "kinds", "BYTE", kinds.type() + " (shape " + kinds.sizes() + ")", "cast kinds to BYTE");
  if (kinds.rank() != 2 || kinds.size(0) != query.size(0) || kinds.size(1) != query.size(1))
    reject(op, "kinds", "batch and time of query " + query.sizes(), kinds.sizes(), "pass kinds of [batch, time]");
  if (iArgs[0] < 0) reject(op, "initial", "a number >= 0", std::to_string(iArgs[0]), "pass 3, or 0 for none");
  if (iArgs[1] < 1)
    reject(op, "window", "a number >= 1, the token itself being one", std::to_string(iArgs[1]),
           "pass 64, or time for dense attention");
}

void requireKinds(const char *op, const int8_t *kinds, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (kinds[i] < 0 || kinds[i] > kPadding)
      reject(op, "kinds", "0 (a token), 1 (a separator) or 2 (padding)",
             std::to_string(kinds[i]) + " at flat index " + std::to_string(i), "pass such numbers");
}

// Gives runFloat and runDouble to an op that has run<T>.
template <typename Op>
class AttentionOp : public MemoryOp {
 public:
  using MemoryOp::MemoryOp;

 protected:
  void runFloat(const Call &call) const override { static_cast<const Op *>(this)->template run<float>(call); }
  void runDouble(const Call &call) const override { static_cast<const Op *>(this)->template run<double>(call); }
};

// query, keys, values, kinds; initial, window -> out of the shape of query, logSums [batch, heads, time]
class SeparatorAttention final : public AttentionOp<SeparatorAttention> {
 public:
  SeparatorAttention() : AttentionOp("separator_attention", 4, 2, 0, 2) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape query = call.shape(0);
    if (query.length() == 0) return;
    Input<T> queryIn(call.in[0]), keys(call.in[1]), values(call.in[2]);
    Input<int8_t> kinds(call.in[3]);
    requireKinds(name_, kinds.data(), call.shape(3).length());
    Output<T> out(call.out[0], call.in), logSums(call.out[1], call.in);
    if (AttentionKernels<T>::forward(queryIn.data(), keys.data(), values.data(), kinds.data(), query.size(0), query.size(1),
                                     query.size(2), call.shape(1).size(2), query.size(3), call.iArgs[0], call.iArgs[1],
                                     out.data(), logSums.data(), call.threads) != DM_OK)
      outOfMemory(name_);
    out.commit();
    logSums.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &iArgs, OutputShapes &out) const override {
    requireAttention(name_, in, iArgs);
    out.like("out", in[0]);
    out.shape[out.count++] = {"logSums", in[0].floatType(), 3, {in[0].size(0), in[0].size(2), in[0].size(1)}};
  }
};

// query, keys, values, kinds, out, logSums, outGradients; initial, window -> gradients of query, keys and values
class SeparatorAttentionGradient final : public AttentionOp<SeparatorAttentionGradient> {
 public:
  SeparatorAttentionGradient() : AttentionOp("separator_attention_bp", 7, 3, 0, 2) {}

  template <typename T>
  void run(const Call &call) const {
    const Shape query = call.shape(0);
    if (query.length() == 0) return;
    Input<T> queryIn(call.in[0]), keys(call.in[1]), values(call.in[2]), out(call.in[4]), logSums(call.in[5]),
        outGradients(call.in[6]);
    Input<int8_t> kinds(call.in[3]);
    requireKinds(name_, kinds.data(), call.shape(3).length());
    Output<T> queryGradients(call.out[0], call.in), keyGradients(call.out[1], call.in),
        valueGradients(call.out[2], call.in);
    if (AttentionKernels<T>::backward(queryIn.data(), keys.data(), values.data(), kinds.data(), out.data(), logSums.data(),
                                      outGradients.data(), query.size(0), query.size(1), query.size(2),
                                      call.shape(1).size(2), query.size(3), call.iArgs[0], call.iArgs[1],
                                      queryGradients.data(), keyGradients.data(), valueGradients.data(),
                                      call.threads) != DM_OK)
      outOfMemory(name_);
    queryGradients.commit();
    keyGradients.commit();
    valueGradients.commit();
  }

 protected:
  void describe(const Shapes &in, const std::vector<int> &iArgs, OutputShapes &out) const override {
    requireAttention(name_, in, iArgs);
    requireLike(name_, "out", in[4], kQueryAxes, "query", in[0]);
    requireFloating(name_, "logSums", in[5], "[batch, heads, time]", 3);
    requireSameType(name_, "logSums", in[5], "query", in[0]);
    if (in[5].size(0) != in[0].size(0) || in[5].size(1) != in[0].size(2) || in[5].size(2) != in[0].size(1))
      reject(name_, "logSums", "batch, heads and time of query " + in[0].sizes(), in[5].sizes(),
             "pass logSums as separator_attention gave them");
    requireLike(name_, "outGradients", in[6], kQueryAxes, "query", in[0]);
    out.like("queryGradients", in[0]);
    out.like("keyGradients", in[1]);
    out.like("valueGradients", in[2]);
  }
};

}  // namespace

sd::ops::DeclarableOp *createAttentionOp(int index) {
  return index == 0 ? static_cast<sd::ops::DeclarableOp *>(new SeparatorAttention()) : new SeparatorAttentionGradient();
}

}  // namespace dl4jmemory

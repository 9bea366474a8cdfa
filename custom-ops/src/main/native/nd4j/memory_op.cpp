// What all memory ops share; see memory_op.h.
#include "memory_op.h"

namespace dl4jmemory {

namespace {

std::string described(const Shape &shape) { return shape.type() + " (shape " + shape.sizes() + ")"; }

void requireRank(const char *op, const char *name, const Shape &shape, const char *axes, int rank) {
  if (shape.rank() != rank)
    reject(op, name, std::string(axes), "rank " + std::to_string(shape.rank()) + " (shape " + shape.sizes() + ")",
           "reshape " + std::string(name) + " to " + axes);
}

void requireOutput(const char *op, const OutputShape &expected, const Shape &actual) {
  bool same = actual.rank() == expected.rank;
  std::string sizes = "[";
  for (int a = 0; a < expected.rank; a++) {
    same = same && actual.size(a) == expected.sizes[a];
    sizes += (a ? ", " : "") + std::to_string(expected.sizes[a]);
  }
  sizes += "]";
  const std::string type = expected.type == sd::INT64 ? "LONG" : expected.type == sd::DOUBLE ? "DOUBLE" : "FLOAT";
  if (!same || actual.type() != type)
    reject(op, expected.name, type + " " + sizes, described(actual), "pass an output array of that type and shape");
}

}  // namespace

void requireFloating(const char *op, const char *name, const Shape &shape, const char *axes, int rank) {
  if (!shape.isFloat() && !shape.isDouble())
    reject(op, name, "FLOAT or DOUBLE", described(shape), "cast " + std::string(name) + " to FLOAT or DOUBLE");
  requireRank(op, name, shape, axes, rank);
}

void requireSameType(const char *op, const char *name, const Shape &shape, const char *other, const Shape &otherShape) {
  if (shape.type() != otherShape.type())
    reject(op, name, otherShape.type() + " as " + other, described(shape),
           "cast both to one type, FLOAT or DOUBLE");
}

void requireIndices(const char *op, const char *name, const Shape &shape, const char *axes, int rank) {
  if (!shape.isLong() && !shape.isInt())
    reject(op, name, "LONG or INT", described(shape), "cast " + std::string(name) + " to LONG");
  requireRank(op, name, shape, axes, rank);
}

void requireSizes(const char *op, const char *name, const Shape &shape, const char *like, const Shape &other) {
  if (!shape.sameSizes(other))
    reject(op, name, "the shape " + other.sizes() + " of " + like, described(shape),
           "pass " + std::string(name) + " of that shape");
}

void rejectOutOfRange(const char *op, const char *name, const int64_t *indices, int64_t where, int64_t slotCount) {
  reject(op, name, "0 to " + std::to_string(slotCount - 1),
         std::to_string(indices[where]) + " at flat index " + std::to_string(where),
         "use " + std::string(name) + " inside the table of " + std::to_string(slotCount) + " slots");
}

void outOfMemory(const char *op) {
  reject(op, "memory", "enough for scratch arrays", "none left", "use a smaller batch or give the process more memory");
}

OutputShapes MemoryOp::checked(const Shapes &in, sd::graph::Context &context) const {
  if (in.count != inputs_)
    reject(name_, "inputs", std::to_string(inputs_) + " arrays", std::to_string(in.count), "pass all inputs in order");
  const auto &tArgs = *context.getTArguments();
  const auto &iArgs = *context.getIArguments();
  if (static_cast<int>(tArgs.size()) != tArgs_ || static_cast<int>(iArgs.size()) != iArgs_)
    reject(name_, "arguments",
           std::to_string(tArgs_) + " floating-point and " + std::to_string(iArgs_) + " integer ones",
           std::to_string(tArgs.size()) + " and " + std::to_string(iArgs.size()), "pass all arguments in order");
  OutputShapes out;
  describe(in, iArgs, out);
  return out;
}

sd::ShapeList *MemoryOp::calculateOutputShape(sd::ShapeList *inputs, sd::graph::Context &context) {
  const OutputShapes out = checked(Shapes::of(*inputs), context);
  auto &shapes = sd::ConstantShapeHelper::getInstance();
  sd::ShapeList *list = nullptr;
  for (int i = 0; i < out.count; i++) {
    const OutputShape &next = out.shape[i];
    const sd::LongType *info = shapes.createShapeInfo(next.type, 'c', next.rank, next.sizes);
    if (list == nullptr) {
      list = new sd::ShapeList(info);
    } else {
      list->push_back(info);
    }
  }
  return list;
}

sd::Status MemoryOp::validateAndExecute(sd::graph::Context &context) {
  const Call call{context.fastpath_in(), context.fastpath_out(), *context.getTArguments(), *context.getIArguments(),
                  std::max(1, sd::Environment::getInstance().maxMasterThreads())};
  const OutputShapes expected = checked(Shapes::of(call.in), context);
  if (static_cast<int>(call.out.size()) != expected.count)
    reject(name_, "outputs", std::to_string(expected.count) + " arrays", std::to_string(call.out.size()),
           "pass all outputs in order, or none");
  for (int i = 0; i < expected.count; i++) {
    requireOutput(name_, expected.shape[i], Shape(call.out[i]->platformShapeInfo()));
    for (int j = 0; j < i; j++)
      if (overlap(call.out[i], call.out[j]))
        reject(name_, expected.shape[i].name, std::string("memory apart from ") + expected.shape[j].name,
               "outputs that overlap", "pass one array for each output");
  }
  if (call.shape(0).isDouble()) {
    runDouble(call);
  } else {
    runFloat(call);
  }
  return sd::OK;
}

}  // namespace dl4jmemory

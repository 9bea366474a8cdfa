// What all memory ops share: checks with our error text, output shapes, and the choice of FLOAT or DOUBLE.
#pragma once
#include <algorithm>

#include "../kernels.h"
#include "arrays.h"

namespace dl4jmemory {

// The shapes of all inputs, or of all outputs.
struct Shapes {
  static constexpr int kMost = 8;
  const sd::LongType *info[kMost];
  int count = 0;

  static Shapes of(const std::vector<sd::NDArray *> &arrays) {
    Shapes shapes;
    for (auto *array : arrays)
      if (shapes.count < kMost) shapes.info[shapes.count++] = array->platformShapeInfo();
    return shapes;
  }

  static Shapes of(sd::ShapeList &list) {
    Shapes shapes;
    for (int i = 0; i < list.size() && i < kMost; i++) shapes.info[shapes.count++] = list.at(i);
    return shapes;
  }

  Shape operator[](int index) const { return Shape(info[index]); }
};

// One output that an op promises.
struct OutputShape {
  const char *name;
  sd::DataType type;
  int rank;
  sd::LongType sizes[5];
};

struct OutputShapes {
  OutputShape shape[3];
  int count = 0;
  void like(const char *name, const Shape &input) {
    OutputShape &next = shape[count++];
    next = {name, input.isLong() ? sd::INT64 : input.floatType(), input.rank(), {}};
    for (int a = 0; a < input.rank(); a++) next.sizes[a] = input.size(a);
  }
};

// Inputs, outputs and arguments of one execution.
struct Call {
  const std::vector<sd::NDArray *> &in;
  const std::vector<sd::NDArray *> &out;
  const std::vector<double> &tArgs;
  const std::vector<int> &iArgs;
  int32_t threads;

  Shape shape(int input) const { return Shape(in[input]->platformShapeInfo()); }
};

void requireFloating(const char *op, const char *name, const Shape &shape, const char *axes, int rank);
void requireSameType(const char *op, const char *name, const Shape &shape, const char *other, const Shape &otherShape);
void requireIndices(const char *op, const char *name, const Shape &shape, const char *axes, int rank);
void requireSizes(const char *op, const char *name, const Shape &shape, const char *like, const Shape &other);
[[noreturn]] void rejectOutOfRange(const char *op, const char *name, const int64_t *indices, int64_t where,
                                   int64_t slotCount);
[[noreturn]] void outOfMemory(const char *op);

// Base of all memory ops. A subclass states its inputs and checks in describe() and computes in run<T>().
class MemoryOp : public sd::ops::DeclarableOp {
 public:
  MemoryOp(const char *name, int inputs, int outputs, int tArgs, int iArgs)
      : DeclarableOp(inputs, outputs, name, false, tArgs, iArgs), name_(name), inputs_(inputs), tArgs_(tArgs),
        iArgs_(iArgs) {}

  sd::Status validateDataTypes(sd::graph::Context &) override { return sd::OK; }
  sd::ShapeList *calculateOutputShape(sd::ShapeList *inputs, sd::graph::Context &context) override;

 protected:
  sd::Status validateAndExecute(sd::graph::Context &context) override;

  // Checks shapes, types and arguments, and lists the outputs.
  virtual void describe(const Shapes &in, const std::vector<int> &iArgs, OutputShapes &out) const = 0;
  virtual void runFloat(const Call &call) const = 0;
  virtual void runDouble(const Call &call) const = 0;

  const char *const name_;

 private:
  OutputShapes checked(const Shapes &in, sd::graph::Context &context) const;

  const int inputs_, tArgs_, iArgs_;
};

}  // namespace dl4jmemory

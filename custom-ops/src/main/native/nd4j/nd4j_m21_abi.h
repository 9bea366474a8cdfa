// The part of libnd4jcpu's binary interface that the memory ops stand on: ND4J 1.0.0-M2.1, linux-x86_64.
// This is the only file that knows that layout. Nothing here is a guess; L below is libnd4jcpu.so from the jar
// nd4j-native-1.0.0-M2.1-linux-x86_64-avx2.jar.
//
// Symbols  `nm -DC --defined-only $L`: every name in DM_ND4J_SYMBOLS, with this signature.
// Slots    `readelf -sW $L | grep _ZTVN2sd3ops12DeclarableOpE` gives the address A of the vtable and its size, 80 bytes:
//          8 slots behind the offset and the type info. `readelf -rW $L` at A+16 .. A+72 names what each slot holds:
//            0 registerTypes   1 validateAndExecute (pure)   2 emptyHandling   3, 4 destructor (complete, deleting)
//            5 validateDataTypes   6 calculateOutputShape (pure)   7 execute
//          The vtables of sd::ops::toggle_bits and sd::ops::add hold the same functions, or their own, in the same slots.
// Sizes    `objdump -dC $L | grep -B3 'call.*sd::ops::toggle_bits::toggle_bits()'`: an op without members of its own is
//          made by operator new(0x68), so sizeof(DeclarableOp) = 104; its constructor writes 0x00 .. 0x67 and keeps the
//          descriptor at 0x58 (`objdump -dC $L`, sd::ops::DeclarableOp::getOpDescriptor: mov 0x58(%rdi),%rax).
//          sd::ops::toggle_bits::calculateOutputShape makes a ShapeList by operator new(0x20), so
//          sizeof(ShapeList) = 32; its constructor writes 0x00 .. 0x1a.
// Shape    A shape description is [rank, shape, strides, flags, element stride, order] of 8-byte integers
//          (sd::ops::axpy::calculateOutputShape reads the order at 8*(2*rank+3) and the flags at 8*(2*rank+1)); the flag
//          bits are those of org.nd4j.linalg.api.shape.options.ArrayOptionsHelper.
// Integers `objdump -dC $L`, _calculateOutputShapes(..): integer arguments are appended by std::vector<int>::emplace_back,
//          cut to 32 bits, floating-point ones by std::vector<double>; a Context is its ContextPrototype, no offset.
//
// nd4j_probe.cpp compares all of this with the library that is loaded before any op is registered.
#pragma once
#include <cstddef>
#include <vector>

#define DM_ND4J_VERSION "1.0.0-M2.1"
#define DM_ND4J_LIBRARY "libnd4jcpu.so"

// Everything that libdl4jmemory_nd4j.so takes from libnd4jcpu.so; check_symbols.cmake holds the list to the built library.
#define DM_ND4J_SYMBOLS(X)                                        \
  X(_ZN2sd11Environment11getInstanceEv)                           \
  X(_ZN2sd11Environment16maxMasterThreadsEv)                      \
  X(_ZN2sd19ConstantShapeHelper11getInstanceEv)                   \
  X(_ZN2sd19ConstantShapeHelper15createShapeInfoENS_8DataTypeEciPKx) \
  X(_ZN2sd3ops12DeclarableOp13emptyHandlingEv)                    \
  X(_ZN2sd3ops12DeclarableOp13registerTypesEv)                    \
  X(_ZN2sd3ops12DeclarableOp7executeEPNS_5graph7ContextE)         \
  X(_ZN2sd3ops12DeclarableOp9getOpHashEv)                         \
  X(_ZN2sd3ops12DeclarableOpC2EiiPKcbii)                          \
  X(_ZN2sd3ops12DeclarableOpD2Ev)                                 \
  X(_ZN2sd3ops13OpRegistrator11getInstanceEv)                     \
  X(_ZN2sd3ops13OpRegistrator17registerOperationEPNS0_12DeclarableOpE) \
  X(_ZN2sd5graph16ContextPrototype13getIArgumentsEv)              \
  X(_ZN2sd5graph16ContextPrototype13getTArgumentsEv)              \
  X(_ZN2sd5graph7Context11fastpath_inEv)                          \
  X(_ZN2sd5graph7Context12fastpath_outEv)                         \
  X(_ZN2sd7NDArray14platformBufferEv)                             \
  X(_ZNK2sd7NDArray17platformShapeInfoEv)                         \
  X(_ZN2sd9ShapeList2atEi)                                        \
  X(_ZN2sd9ShapeList9push_backEPKx)                               \
  X(_ZN2sd9ShapeListC1EPKx)                                       \
  X(_ZNK2sd9ShapeList4sizeEv)                                     \
  X(_ZTIN2sd3ops12DeclarableOpE)

#pragma GCC visibility push(default)
namespace sd {

using LongType = long long;

enum Status : int { OK = 0 };
enum DataType : int { FLOAT32 = 5, DOUBLE = 6, INT32 = 9, INT64 = 10 };

class Environment {
 public:
  static Environment &getInstance();
  int maxMasterThreads();
};

class NDArray {
 public:
  void *platformBuffer();
  const LongType *platformShapeInfo() const;
};

class ShapeList {
 public:
  explicit ShapeList(const LongType *shapeInfo);
  const LongType *at(int index);
  void push_back(const LongType *shapeInfo);
  int size() const;

 private:
  std::vector<const LongType *> shapes_;
  bool destroyed_, autoremovable_, workspace_;
};
static_assert(sizeof(ShapeList) == 0x20, "ShapeList of libnd4jcpu 1.0.0-M2.1 has 32 bytes");

class ConstantShapeHelper {
 public:
  static ConstantShapeHelper &getInstance();
  const LongType *createShapeInfo(DataType type, char order, int rank, const LongType *shape);
};

namespace graph {
class ContextPrototype {
 public:
  std::vector<double> *getTArguments();
  std::vector<int> *getIArguments();
};
class Context : public ContextPrototype {
 public:
  std::vector<NDArray *> &fastpath_in();
  std::vector<NDArray *> &fastpath_out();
};
}  // namespace graph

namespace ops {
class DeclarableOp {
 public:
  DeclarableOp(int inputs, int outputs, const char *name, bool inplace, int tArgs, int iArgs);
  LongType getOpHash();

 protected:
  virtual void registerTypes();
  virtual Status validateAndExecute(graph::Context &context) = 0;
  virtual bool emptyHandling();

 public:
  virtual ~DeclarableOp();
  virtual Status validateDataTypes(graph::Context &context);
  virtual ShapeList *calculateOutputShape(ShapeList *inputs, graph::Context &context) = 0;
  virtual Status execute(graph::Context *context);

 private:
  char members_[0x68 - sizeof(void *)];
};
static_assert(sizeof(DeclarableOp) == 0x68, "DeclarableOp of libnd4jcpu 1.0.0-M2.1 has 104 bytes");

class OpRegistrator {
 public:
  static OpRegistrator &getInstance();
  bool registerOperation(DeclarableOp *op);
};
}  // namespace ops
}  // namespace sd
#pragma GCC visibility pop

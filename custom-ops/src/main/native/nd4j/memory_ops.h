// The memory ops as libnd4j sees them.
#pragma once
#include "nd4j_m21_abi.h"

namespace dl4jmemory {

// The ops in the order in which register_ops.cpp returns their hashes.
constexpr int kOps = 6;
sd::ops::DeclarableOp *createOp(int index);

}  // namespace dl4jmemory

// The memory ops as libnd4j sees them.
#pragma once
#include "nd4j_m21_abi.h"

namespace dl4jmemory {

// The ops in the order in which register_ops.cpp returns their hashes.
constexpr int kMemoryOps = 6, kUltraMemOps = 6, kAttentionOps = 2, kOps = kMemoryOps + kUltraMemOps + kAttentionOps;
sd::ops::DeclarableOp *createOp(int index);
sd::ops::DeclarableOp *createUltraMemOp(int index);   // those from kMemoryOps on, from 0
sd::ops::DeclarableOp *createAttentionOp(int index);  // those behind them, from 0

}  // namespace dl4jmemory

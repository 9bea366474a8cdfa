// The one way in: registers the memory ops in the libnd4jcpu.so that is loaded in this process.
// NativeLibrary.java calls it after nd4j_probe.cpp has accepted that library. Nothing runs before.
#include <jni.h>

#include <exception>

#include "memory_ops.h"

namespace {

struct Registration {
  jlong hashes[dl4jmemory::kOps];

  // libnd4j keeps the ops as long as the process lives.
  Registration() {
    auto &registrator = sd::ops::OpRegistrator::getInstance();
    for (int i = 0; i < dl4jmemory::kOps; i++) {
      sd::ops::DeclarableOp *op = dl4jmemory::createOp(i);
      hashes[i] = op->getOpHash();
      registrator.registerOperation(op);
    }
  }
};

}  // namespace

// Registers the ops at the first call; later calls only return the same hashes.
extern "C" __attribute__((visibility("default"))) const jlong *dl4jmemory_register_nd4j_ops() {
  static const Registration once;
  return once.hashes;
}

extern "C" JNIEXPORT jlongArray JNICALL Java_io_github_dl4jmemory_ops_NativeLibrary_registerNd4jOps(JNIEnv *env,
                                                                                                  jclass) {
  try {
    jlongArray hashes = env->NewLongArray(dl4jmemory::kOps);
    if (hashes != nullptr) env->SetLongArrayRegion(hashes, 0, dl4jmemory::kOps, dl4jmemory_register_nd4j_ops());
    return hashes;
  } catch (const std::exception &e) {
    env->ThrowNew(env->FindClass("java/lang/IllegalStateException"), e.what());
    return nullptr;
  }
}

package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.NativeKernels.at;

import java.lang.ref.Reference;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The decoding kernel of libdl4jmemory.so. */
final class NativeDecodeKernels implements DecodeKernels {
  @Override
  public long attend(DecodeInput in, INDArray weights, INDArray out) {
    boolean turns = in.rotary() > 0;
    long status =
        NativeFunctions.decodeAttention(
            NativeKernels.isDouble(in.query()),
            at(in.query()),
            at(in.keys()),
            at(in.values()),
            at(in.counts()),
            turns ? at(in.cosines()) : 0,
            turns ? at(in.sines()) : 0,
            in.batch(),
            in.heads(),
            in.keyValueHeads(),
            in.capacity(),
            in.headSize(),
            in.rotary(),
            at(weights),
            at(out),
            Parallel.threads());
    Reference.reachabilityFence(in);
    Reference.reachabilityFence(weights);
    Reference.reachabilityFence(out);
    return status;
  }
}

package io.github.dl4jmemory.ops;

import java.lang.ref.Reference;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The attention kernels of libdl4jmemory.so. */
final class NativeAttentionKernels implements AttentionKernels {
  @Override
  public long forward(AttentionInput in, INDArray out, INDArray logSums) {
    long status =
        NativeFunctions.separatorAttention(
            isDouble(in),
            Dense.address(in.query()),
            Dense.address(in.keys()),
            Dense.address(in.values()),
            Dense.address(in.kinds()),
            in.batch(),
            in.time(),
            in.heads(),
            in.keyValueHeads(),
            in.headSize(),
            in.initial(),
            in.window(),
            Dense.address(out),
            Dense.address(logSums),
            Parallel.threads());
    keep(in, out, logSums);
    return status;
  }

  @Override
  public long backward(
      AttentionInput in,
      INDArray out,
      INDArray logSums,
      INDArray outGradients,
      INDArray queryGradients,
      INDArray keyGradients,
      INDArray valueGradients) {
    long status =
        NativeFunctions.separatorAttentionBp(
            isDouble(in),
            Dense.address(in.query()),
            Dense.address(in.keys()),
            Dense.address(in.values()),
            Dense.address(in.kinds()),
            Dense.address(out),
            Dense.address(logSums),
            Dense.address(outGradients),
            in.batch(),
            in.time(),
            in.heads(),
            in.keyValueHeads(),
            in.headSize(),
            in.initial(),
            in.window(),
            Dense.address(queryGradients),
            Dense.address(keyGradients),
            Dense.address(valueGradients),
            Parallel.threads());
    keep(in, out, logSums, outGradients, queryGradients, keyGradients, valueGradients);
    return status;
  }

  private static boolean isDouble(AttentionInput in) {
    return in.query().dataType() == DataType.DOUBLE;
  }

  /** The arrays must not be collected while native code uses their memory. */
  private static void keep(AttentionInput in, INDArray... arrays) {
    Reference.reachabilityFence(in);
    Reference.reachabilityFence(arrays);
  }
}

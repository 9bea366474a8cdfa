package io.github.dl4jmemory.layers;

import java.util.Arrays;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/** Shapes on a SameDiff graph, where batch and time are known only when it runs. */
final class GraphShapes {

  private GraphShapes() {}

  /** False for a variable whose shape is known to be of rank 2; true else. */
  static boolean isSequence(SDVariable x) {
    return x.getShape() == null || x.getShape().length != 2;
  }

  /** x reshaped to the given sizes: each a Long, or an SDVariable scalar. */
  static SDVariable reshape(SameDiff sd, SDVariable x, Object... sizes) {
    SDVariable[] parts =
        Arrays.stream(sizes)
            .map(
                size ->
                    size instanceof SDVariable variable
                        ? variable.castTo(DataType.INT64)
                        : sd.constant((Long) size).castTo(DataType.INT64))
            .toArray(SDVariable[]::new);
    return sd.reshape(x, sd.stack(0, parts));
  }

  /** x W, for x of rank 2 or 3 with its features on the last axis and W [nIn, nOut]. */
  static SDVariable project(SameDiff sd, SDVariable x, SDVariable w, long nIn, long nOut) {
    if (!isSequence(x)) {
      return x.mmul(w);
    }
    SDVariable flat = sd.reshape(x, -1, nIn).mmul(w);
    return reshape(sd, flat, sd.sizeAt(x, 0), sd.sizeAt(x, 1), nOut);
  }
}

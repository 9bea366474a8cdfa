package io.github.dl4jmemory.layers;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.factory.Nd4j;

/** Shapes on a SameDiff graph, where batch and time are known only when it runs. */
final class GraphShapes {

  private GraphShapes() {}

  /** False for a variable whose shape is known to be of rank 2; true else. */
  static boolean isSequence(SDVariable x) {
    return x.getShape() == null || x.getShape().length != 2;
  }

  /** x reshaped to [batch, time, sizes...], with batch and time of another variable. */
  static SDVariable likeSequence(SameDiff sd, SDVariable x, SDVariable like, long... sizes) {
    SDVariable head = sd.stridedSlice(like.shape(), new long[] {0}, new long[] {2}, 1);
    SDVariable tail = sd.constant(Nd4j.createFromArray(sizes));
    return sd.reshape(x, sd.concat(0, head, tail));
  }

  /** x W, for x with its features on the last axis, and W [nIn, nOut]. */
  static SDVariable project(
      SameDiff sd, boolean sequence, SDVariable x, SDVariable w, long nIn, long nOut) {
    if (!sequence) {
      return x.mmul(w);
    }
    return likeSequence(sd, sd.reshape(x, -1, nIn).mmul(w), x, nOut);
  }
}

package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.graph.MergeVertex;

/**
 * The vertex before a {@link SeparatorAttention}: DL4J's MergeVertex, of features and flag. That of
 * M2.1 forgets on which axis features are when it is cloned, and so in a cloned network.
 */
final class SeparatorMerge extends MergeVertex {

  private static final long serialVersionUID = 1L;

  /** For Jackson. */
  SeparatorMerge() {}

  /**
   * Of sequences in this layout.
   *
   * @param format null: as the network's input types say, NCW without any
   */
  SeparatorMerge(RNNFormat format) {
    if (format != null) {
      setMergeAxis(format == RNNFormat.NWC ? 2 : 1);
    }
  }

  @Override
  public MergeVertex clone() {
    SeparatorMerge copy = new SeparatorMerge();
    copy.mergeAxis = mergeAxis;
    copy.modified = modified;
    return copy;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SeparatorMerge merge && merge.mergeAxis == mergeAxis;
  }

  @Override
  public int hashCode() {
    return mergeAxis;
  }
}

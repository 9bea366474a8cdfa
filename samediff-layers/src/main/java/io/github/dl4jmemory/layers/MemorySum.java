package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The vertex that adds memories which work asynchronously to the output of another: DL4J's sum,
 * which waits for them.
 */
final class MemorySum extends ElementWiseVertex {

  private static final long serialVersionUID = 1L;

  MemorySum() {
    super(Op.Add);
  }

  @Override
  public MemorySum clone() {
    return new MemorySum();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MemorySum;
  }

  @Override
  public int hashCode() {
    return MemorySum.class.hashCode();
  }

  @Override
  public org.deeplearning4j.nn.graph.vertex.GraphVertex instantiate(
      ComputationGraph graph,
      String name,
      int index,
      INDArray paramsView,
      boolean initializeParams,
      DataType networkDataType) {
    return new MemorySumVertex(graph, name, index, networkDataType);
  }
}

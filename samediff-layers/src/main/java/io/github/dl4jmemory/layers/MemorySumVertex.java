package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.graph.vertex.VertexIndices;
import org.deeplearning4j.nn.graph.vertex.impl.ElementWiseVertex;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runtime of {@link MemorySum}. A memory whose output something else reads too is left alone. */
@SuppressWarnings("overrides") // DL4J: setInputs(INDArray[]) implements setInputs(INDArray...)
final class MemorySumVertex extends ElementWiseVertex {

  private static final long serialVersionUID = 1L;

  private final transient List<MemoryBranch> branches = new ArrayList<>();

  MemorySumVertex(ComputationGraph graph, String name, int index, DataType dataType) {
    super(graph, name, index, Op.Add, dataType);
  }

  /** {@inheritDoc} DL4J calls this when it makes a graph and all its layers are there. */
  @Override
  public void setInputVertices(VertexIndices[] inputVertices) {
    super.setInputVertices(inputVertices);
    branches.clear();
    for (int i = 1; i < inputVertices.length; i++) { // the first is what they are added to
      GraphVertex vertex = graph.getVertices()[inputVertices[i].getVertexIndex()];
      if (PoolLinkVertex.inside(vertex.getLayer()) instanceof TuckerMemoryRuntime memory
          && isReadHereOnly(vertex.getVertexName())) {
        branches.add(memory.workBeside());
      }
    }
  }

  private boolean isReadHereOnly(String vertex) {
    long readers =
        graph.getConfiguration().getVertexInputs().values().stream()
            .flatMap(List::stream)
            .filter(vertex::equals)
            .count();
    return readers == 1 && !graph.getConfiguration().getNetworkOutputs().contains(vertex);
  }

  @Override
  public INDArray doForward(boolean training, LayerWorkspaceMgr workspaces) {
    branches.forEach(MemoryBranch::land);
    return super.doForward(training, workspaces);
  }

  @Override
  public Pair<Gradient, INDArray[]> doBackward(boolean tbptt, LayerWorkspaceMgr workspaces) {
    branches.forEach(branch -> branch.startBackward(epsilon));
    return super.doBackward(tbptt, workspaces);
  }
}

package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.BaseGraphVertex;
import org.deeplearning4j.nn.graph.vertex.VertexIndices;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runtime of {@link PoolLink}. Looks through the wrappers of layers that are frozen. */
@SuppressWarnings("overrides") // DL4J: setInputs(INDArray[]) implements setInputs(INDArray...)
final class PoolLinkVertex extends BaseGraphVertex {

  private static final long serialVersionUID = 1L;

  PoolLinkVertex(ComputationGraph graph, String name, int index, DataType dataType) {
    super(graph, name, index, null, null, dataType);
  }

  /** {@inheritDoc} DL4J calls this last when it makes a graph: now pool and reader are there. */
  @Override
  public void setOutputVertices(VertexIndices[] outputVertices) {
    super.setOutputVertices(outputVertices);
    for (VertexIndices output : outputVertices) {
      if (inside(layerAt(output)) instanceof PooledMemoryRuntime reader) {
        connect(reader);
      }
    }
  }

  private void connect(PooledMemoryRuntime reader) {
    VertexIndices at = inputVertices[1];
    Layer pool = inside(layerAt(at));
    Require.that(
        pool instanceof MemoryPoolRuntime,
        reader.title(),
        "pool",
        "a MemoryPool",
        "vertex " + graph.getVertices()[at.getVertexIndex()].getVertexName(),
        "give a MemoryPool that name");
    reader.connect((MemoryPoolRuntime) pool);
  }

  private Layer layerAt(VertexIndices vertex) {
    return graph.getVertices()[vertex.getVertexIndex()].getLayer();
  }

  /** The layer itself, out of the wrappers of layers that are frozen. */
  static Layer inside(Layer layer) {
    Layer inside = layer;
    while (inside instanceof BaseWrapperLayer wrapper) {
      inside = wrapper.getUnderlying();
    }
    return inside;
  }

  @Override
  public boolean hasLayer() {
    return false;
  }

  @Override
  public Layer getLayer() {
    return null;
  }

  @Override
  public INDArray doForward(boolean training, LayerWorkspaceMgr workspaces) {
    return workspaces.dup(ArrayType.ACTIVATIONS, inputs[0]);
  }

  /** {@inheritDoc} There is no epsilon where the reader is frozen. */
  @Override
  public Pair<Gradient, INDArray[]> doBackward(boolean tbptt, LayerWorkspaceMgr workspaces) {
    INDArray xGradient =
        epsilon == null
            ? zeros(workspaces, inputs[0].shape())
            : workspaces.dup(ArrayType.ACTIVATION_GRAD, epsilon);
    return new Pair<>(null, new INDArray[] {xGradient, zeros(workspaces, inputs[1].shape())});
  }

  private INDArray zeros(LayerWorkspaceMgr workspaces, long... shape) {
    return workspaces.create(ArrayType.ACTIVATION_GRAD, dataType, shape, 'c');
  }

  @Override
  public void setBackpropGradientsViewArray(INDArray view) {
    // no parameters
  }

  @Override
  public Pair<INDArray, MaskState> feedForwardMaskArrays(
      INDArray[] masks, MaskState state, int minibatchSize) {
    return new Pair<>(masks == null ? null : masks[0], state);
  }

  @Override
  public String toString() {
    return "PoolLink(name=\"" + vertexName + "\")";
  }
}

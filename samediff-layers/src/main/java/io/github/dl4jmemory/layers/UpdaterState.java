package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.Trainable;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.updater.BaseMultiLayerUpdater;
import org.deeplearning4j.nn.updater.UpdaterBlock;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the network's updater remembers of one parameter, such as Adam's moments: whole copies of
 * the parameter's updater block, one behind the other.
 */
final class UpdaterState {

  private final RowBytes state; // null for updaters without any
  private final long length;
  private final long blockLength;
  private final long start;

  private UpdaterState(INDArray view, long blockLength, long start) {
    state = view == null ? null : new RowBytes(view);
    length = view == null ? 0 : view.length();
    this.blockLength = blockLength;
    this.start = start;
  }

  /** Of a trained parameter; null for a frozen one, which the network does not update. */
  static UpdaterState of(Model network, Trainable layer, String key) {
    BaseMultiLayerUpdater<?> updater =
        (BaseMultiLayerUpdater<?>)
            (network instanceof ComputationGraph graph
                ? graph.getUpdater(true)
                : ((MultiLayerNetwork) network).getUpdater());
    for (UpdaterBlock block : updater.getUpdaterBlocks()) {
      for (UpdaterBlock.ParamState parameter : block.getLayersAndVariablesInBlock()) {
        if (isOf(parameter.getLayer(), layer) && parameter.getParamName().equals(key)) {
          return new UpdaterState(
              block.getUpdaterView(),
              block.getParamOffsetEnd() - block.getParamOffsetStart(),
              parameter.getParamOffsetStart() - block.getParamOffsetStart());
        }
      }
    }
    return null;
  }

  private static boolean isOf(Trainable trainable, Trainable layer) {
    return trainable == layer
        || trainable instanceof GraphVertex vertex && vertex.getLayer() == layer;
  }

  /** Forgets what is remembered of these elements of the parameter. */
  void zero(long from, long elements) {
    for (long copy = start + from; copy < length; copy += blockLength) {
      state.zero(copy, elements);
    }
  }

  /** Copies what is remembered of this parameter to that of one of the same size and updater. */
  void copyTo(UpdaterState other, long elements) {
    for (long copy = 0; start + copy * blockLength < length; copy++) {
      state.copyTo(
          other.state,
          start + copy * blockLength,
          other.start + copy * other.blockLength,
          elements);
    }
  }
}

package io.github.dl4jmemory.layers;

import java.util.Map;
import org.deeplearning4j.nn.api.layers.RecurrentLayer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A layer with {@code rnnTimeStep}, but not with truncated backpropagation through time. */
interface SteppedLayer extends RecurrentLayer {

  /** The layer as errors name it. */
  String owner();

  private UnsupportedOperationException noTruncatedBackpropagation() {
    return new UnsupportedOperationException(
        Require.text(
            owner(),
            "backpropType",
            "Standard",
            "TruncatedBPTT",
            "remove backpropType(BackpropType.TruncatedBPTT) and cut the text into shorter"
                + " sequences"));
  }

  @Override
  default INDArray rnnActivateUsingStoredState(
      INDArray array, boolean training, boolean store, LayerWorkspaceMgr workspaces) {
    throw noTruncatedBackpropagation();
  }

  @Override
  default Map<String, INDArray> rnnGetTBPTTState() {
    return Map.of();
  }

  @Override
  default void rnnSetTBPTTState(Map<String, INDArray> state) {
    if (state != null && !state.isEmpty()) {
      throw noTruncatedBackpropagation();
    }
  }

  @Override
  default Pair<Gradient, INDArray> tbpttBackpropGradient(
      INDArray epsilon, int backLength, LayerWorkspaceMgr workspaces) {
    throw noTruncatedBackpropagation();
  }
}

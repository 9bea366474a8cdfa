package io.github.dl4jmemory.layers;

import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Runtime of a {@link TuckerMemory} with a convolution before the query: {@code rnnTimeStep}
 * remembers the tokens that the next steps still see.
 */
final class ConvolvedMemoryRuntime extends TuckerMemoryRuntime implements SteppedLayer {

  private static final long serialVersionUID = 1L;

  private static final String HISTORY = "history";

  private final int earlier; // tokens
  private final long width;
  private transient INDArray history; // [batch, earlier, nIn]; null: none yet
  private transient boolean stepping;

  ConvolvedMemoryRuntime(NeuralNetConfiguration conf, DataType dataType, TuckerMemory layer) {
    super(conf, dataType, layer);
    earlier = layer.getQueryConvolution() - 1;
    width = layer.getNIn();
  }

  @Override
  public Type type() {
    return Type.RECURRENT;
  }

  @Override
  INDArray queried(INDArray x, Room room) {
    return stepping && earlier > 0 ? step(x) : super.queried(x, room);
  }

  /** Convolves the history and the tokens behind it; the last of both are the next history. */
  @SuppressWarnings("try") // the workspace is left by closing what is not used
  private INDArray step(INDArray x) {
    boolean first = layerConf().getRnnFormat() == RNNFormat.NCW; // channels
    TokenLayout layout = layout();
    INDArray placed = Nd4j.create(dataType, layout.shapeWith(width), 'c');
    layout.scatter(x, placed);
    INDArray tokens = first ? placed.permute(0, 2, 1) : placed;
    INDArray all = Nd4j.concat(1, history, tokens);
    INDArray taps = getParam(TuckerMemory.CONVOLUTION);
    INDArray sum = Nd4j.create(dataType, tokens.shape(), 'c');
    for (int k = 0; k <= earlier; k++) {
      sum.addi(steps(all, k, k + tokens.size(1)).mul(taps.getRow(k).reshape(1, 1, width)));
    }
    try (MemoryWorkspace none = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
      history = steps(all, all.size(1) - earlier, all.size(1)).dup('c');
    }
    return layout.rows(first ? sum.permute(0, 2, 1) : sum);
  }

  private static INDArray steps(INDArray sequence, long from, long to) {
    return sequence.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to), NDArrayIndex.all());
  }

  // ------------------------------------------------------------------------------- step by step

  @Override
  public INDArray rnnTimeStep(INDArray array, LayerWorkspaceMgr workspaces) {
    INDArray steps = timeAxisInPlace(array);
    layerConf().validateInput(steps);
    Require.that(
        steps.rank() == 3,
        title(),
        "input of rnnTimeStep",
        "rank 3",
        Require.describe(steps),
        "pass sequences; a single step is a sequence of time 1");
    if (history == null) {
      history = Nd4j.createUninitializedDetached(dataType, steps.size(0), earlier, width);
      history.assign(0);
    }
    Require.that(
        history.size(0) == steps.size(0),
        title(),
        "input of rnnTimeStep",
        "batch " + history.size(0) + ", as in the steps before",
        Require.describe(array),
        "call rnnClearPreviousState() before another batch");
    setInput(steps, workspaces);
    stepping = true;
    try {
      return activate(false, workspaces);
    } finally {
      stepping = false;
    }
  }

  /** DL4J makes a step [batch, nIn] into [batch, nIn, 1], whatever the layout. */
  private INDArray timeAxisInPlace(INDArray array) {
    boolean turned =
        layerConf().getRnnFormat() == RNNFormat.NWC
            && array.rank() == 3
            && array.size(2) == 1
            && array.size(1) == width;
    return turned ? array.permute(0, 2, 1) : array;
  }

  @Override
  public Map<String, INDArray> rnnGetPreviousState() {
    return history == null ? Map.of() : Map.of(HISTORY, history.dup('c'));
  }

  @Override
  public void rnnSetPreviousState(Map<String, INDArray> state) {
    if (state == null || state.isEmpty()) {
      history = null;
      return;
    }
    INDArray array = state.get(HISTORY);
    Require.that(
        array != null && array.rank() == 3 && array.size(1) == earlier && array.size(2) == width,
        title(),
        "state",
        "the last tokens, [batch, " + earlier + ", " + width + "]",
        Require.describe(array),
        "pass what rnnGetPreviousState() returned");
    history = array.castTo(dataType).dup('c').detach();
  }

  @Override
  public void rnnClearPreviousState() {
    history = null;
  }

  @Override
  public String owner() {
    return title();
  }
}

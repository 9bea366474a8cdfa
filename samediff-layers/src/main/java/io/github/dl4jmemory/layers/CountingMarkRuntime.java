package io.github.dl4jmemory.layers;

import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Runtime of a {@link TokenMark} that counts: {@code rnnTimeStep} goes on where it was. */
final class CountingMarkRuntime extends TokenMarkRuntime implements SteppedLayer {

  private static final long serialVersionUID = 1L;

  private static final String COUNTS = "counts";

  private transient long[] counts; // of each row; null: no step yet
  private transient boolean stepping;

  CountingMarkRuntime(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  @Override
  public String owner() {
    return title();
  }

  @Override
  public Type type() {
    return Type.RECURRENT;
  }

  @Override
  long[] counts(int batch) {
    if (!stepping || counts == null) {
      return new long[batch];
    }
    Require.that(
        counts.length == batch,
        title(),
        "input of rnnTimeStep",
        "batch " + counts.length + ", as in the steps before",
        batch,
        "call rnnClearPreviousState() before another batch");
    return counts.clone();
  }

  @Override
  void counted(long[] now) {
    if (stepping) {
      counts = now;
    }
  }

  @Override
  public INDArray rnnTimeStep(INDArray array, LayerWorkspaceMgr workspaces) {
    setInput(array, workspaces);
    stepping = true;
    try {
      return activate(false, workspaces);
    } finally {
      stepping = false;
    }
  }

  @Override
  public Map<String, INDArray> rnnGetPreviousState() {
    return counts == null ? Map.of() : Map.of(COUNTS, Nd4j.createFromArray(counts));
  }

  @Override
  public void rnnSetPreviousState(Map<String, INDArray> state) {
    if (state == null || state.isEmpty()) {
      counts = null;
      return;
    }
    INDArray array = state.get(COUNTS);
    Require.that(
        array != null && array.rank() == 1 && array.dataType() == DataType.INT64,
        title(),
        "state",
        "counts, LONG [batch]",
        Require.describe(array),
        "pass what rnnGetPreviousState() returned");
    counts = array.toLongVector();
  }

  @Override
  public void rnnClearPreviousState() {
    counts = null;
  }
}

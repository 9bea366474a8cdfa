package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.AdamStep;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ISchedule;

/**
 * The updater that a layer hands to DL4J for its table: Adam or SGD as configured, on the touched
 * rows only, with its state in DL4J's ordinary updater view (so it is saved and restored with it).
 *
 * <p>Adam is lazy: m and v of a row change only in steps that touch the row, and the bias
 * correction counts all steps of the network.
 */
final class RowUpdater implements IUpdater {

  private static final long serialVersionUID = 1L;

  private final transient RowTable table;

  RowUpdater(RowTable table) {
    this.table = table;
  }

  static AdamStep step(Adam adam, int iteration, int epoch, double gradientScale) {
    return AdamStep.of(
        adam.getLearningRate(iteration, epoch),
        adam.getBeta1(),
        adam.getBeta2(),
        adam.getEpsilon(),
        iteration,
        gradientScale);
  }

  @Override
  public long stateSize(long numParams) {
    return table.configured().stateSize(numParams);
  }

  @Override
  public GradientUpdater<RowUpdater> instantiate(INDArray state, boolean initialize) {
    if (state == null) {
      return new Step(null, null);
    }
    if (initialize) {
      state.assign(0);
    }
    INDArray flat = state.reshape(state.length());
    long half = flat.length() / 2;
    return new Step(tableShaped(flat, 0, half), tableShaped(flat, half, 2 * half));
  }

  private INDArray tableShaped(INDArray flat, long from, long to) {
    return flat.get(NDArrayIndex.interval(from, to)).reshape('c', table.shape(0), table.shape(1));
  }

  @Override
  public GradientUpdater<RowUpdater> instantiate(Map<String, INDArray> state, boolean initialize) {
    throw stateAsMap();
  }

  private UnsupportedOperationException stateAsMap() {
    return table.unsupported(
        "updater state",
        "a view of the network's updater state",
        "a map",
        "assign to network.getUpdater().getStateViewArray()");
  }

  @Override
  public IUpdater clone() {
    return this;
  }

  @Override
  public double getLearningRate(int iteration, int epoch) {
    return table.configured().getLearningRate(iteration, epoch);
  }

  @Override
  public boolean hasLearningRate() {
    return true;
  }

  @Override
  public void setLrAndSchedule(double learningRate, ISchedule schedule) {
    table.configured().setLrAndSchedule(learningRate, schedule);
  }

  private final class Step implements GradientUpdater<RowUpdater> {

    private final INDArray m;
    private final INDArray v;

    Step(INDArray m, INDArray v) {
      this.m = m;
      this.v = v;
    }

    @Override
    public RowUpdater getConfig() {
      return RowUpdater.this;
    }

    @Override
    public void applyUpdater(INDArray gradient, int iteration, int epoch) {
      if (!table.ownsGradients(gradient)) {
        throw table.unsupported(
            "gradient",
            "the network's own gradient view",
            "an array of another network",
            "call fit(...) on the network that holds the table");
      }
      if (table.configured() instanceof Adam adam) {
        table.update(() -> table.applyAdam(adam, m, v, iteration, epoch));
      } else {
        Sgd sgd = (Sgd) table.configured();
        table.update(() -> table.applySgd(sgd, iteration, epoch));
      }
    }

    @Override
    public void setState(Map<String, INDArray> state, boolean initialize) {
      throw stateAsMap();
    }

    @Override
    public Map<String, INDArray> getState() {
      return m == null ? Map.of() : Map.of("M", m, "V", v);
    }

    @Override
    public void setStateViewArray(INDArray view, long[] shape, char order, boolean initialize) {
      throw table.unsupported(
          "updater state",
          "one state view, given when the network is initialised",
          "a second one",
          "assign to the network's updater state view instead");
    }
  }
}

package io.github.dl4jmemory.layers;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.schedule.ISchedule;

/**
 * The updater that a layer hands to DL4J for a parameter that changes by the layer's own rule: it
 * has no state, and the gradient that it is called with is zero.
 */
final class SelfUpdater implements IUpdater {

  private static final long serialVersionUID = 1L;

  private final transient Target target;

  /** What changes by its own rule. */
  interface Target {

    /**
     * A training step is due.
     *
     * @param gradient zero; to be assigned what DL4J is to subtract from the parameter
     */
    void update(INDArray gradient, int iteration, int epoch);

    /** Whose learning rate DL4J reads and sets. */
    IUpdater configured();
  }

  SelfUpdater(Target target) {
    this.target = target;
  }

  @Override
  public long stateSize(long numParams) {
    return 0;
  }

  @Override
  public GradientUpdater<SelfUpdater> instantiate(INDArray state, boolean initialize) {
    return new Step();
  }

  @Override
  public GradientUpdater<SelfUpdater> instantiate(Map<String, INDArray> state, boolean initialize) {
    return new Step();
  }

  @Override
  public IUpdater clone() {
    return this;
  }

  @Override
  public double getLearningRate(int iteration, int epoch) {
    return target.configured().getLearningRate(iteration, epoch);
  }

  @Override
  public boolean hasLearningRate() {
    return target.configured().hasLearningRate();
  }

  @Override
  public void setLrAndSchedule(double learningRate, ISchedule schedule) {
    target.configured().setLrAndSchedule(learningRate, schedule);
  }

  private final class Step implements GradientUpdater<SelfUpdater> {

    @Override
    public SelfUpdater getConfig() {
      return SelfUpdater.this;
    }

    @Override
    public void applyUpdater(INDArray gradient, int iteration, int epoch) {
      target.update(gradient, iteration, epoch);
    }

    @Override
    public void setState(Map<String, INDArray> state, boolean initialize) {
      // there is none
    }

    @Override
    public Map<String, INDArray> getState() {
      return Map.of();
    }

    @Override
    public void setStateViewArray(INDArray view, long[] shape, char order, boolean initialize) {
      // there is none
    }
  }
}

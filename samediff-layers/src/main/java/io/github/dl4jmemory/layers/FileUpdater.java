package io.github.dl4jmemory.layers;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.schedule.ISchedule;

/**
 * The updater that a pool with a file hands to DL4J for its fingerprint: it has no state, leaves
 * the gradient, which is zero, as it is, and takes the call as the sign to update the file.
 */
final class FileUpdater implements IUpdater {

  private static final long serialVersionUID = 1L;

  private final transient FileTable table;

  FileUpdater(FileTable table) {
    this.table = table;
  }

  @Override
  public long stateSize(long numParams) {
    return 0;
  }

  @Override
  public GradientUpdater<FileUpdater> instantiate(INDArray state, boolean initialize) {
    return new Step();
  }

  @Override
  public GradientUpdater<FileUpdater> instantiate(Map<String, INDArray> state, boolean initialize) {
    return new Step();
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

  private final class Step implements GradientUpdater<FileUpdater> {

    @Override
    public FileUpdater getConfig() {
      return FileUpdater.this;
    }

    @Override
    public void applyUpdater(INDArray gradient, int iteration, int epoch) {
      table.update(iteration, epoch);
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

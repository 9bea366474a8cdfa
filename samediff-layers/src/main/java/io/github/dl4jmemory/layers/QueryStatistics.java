package io.github.dl4jmemory.layers;

import java.util.function.Supplier;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;

/**
 * Mean and variance of every feature of a memory's queries, and the standardising by them: q ← (q -
 * mean) / sqrt(variance + epsilon).
 *
 * <p>They are running averages over the training steps, held in a parameter of shape [2, features]
 * (means, then variances), so that they are saved, copied and averaged over workers with the
 * others. Forward takes them as constants in training too: a batch changes those of the next step.
 */
final class QueryStatistics implements SelfUpdater.Target {

  static final double EPSILON = 1e-6;
  private static final double DECAY = 0.9;

  private final Supplier<INDArray> parameter;
  private final IUpdater none = new NoOp();
  private double[] inverse; // of the deviations, of the last forward pass
  private double[] seenMean; // of the last forward pass in training
  private double[] seenVariance;
  private boolean due; // whether backward has followed

  /** Of a parameter that the runtime may be given later. */
  QueryStatistics(Supplier<INDArray> parameter) {
    this.parameter = parameter;
  }

  /** Standardises [tokens, features] in place; in training, keeps what the batch itself is like. */
  void standardise(INDArray query, boolean training) {
    if (training) {
      see(query);
    }
    INDArray statistics = parameter.get();
    inverse = statistics.getRow(1).toDoubleVector();
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = 1 / Math.sqrt(inverse[i] + EPSILON);
    }
    query.subiRowVector(statistics.getRow(0)).muliRowVector(row(inverse, query.dataType()));
  }

  private static INDArray row(double[] values, DataType type) {
    return Nd4j.createFromArray(values).castTo(type);
  }

  private void see(INDArray query) {
    INDArray mean = query.mean(0);
    seenMean = mean.toDoubleVector();
    INDArray squares = query.subRowVector(mean);
    seenVariance = squares.muli(squares).mean(0).toDoubleVector();
    due = false;
  }

  /** The gradient of the queries before, in place of that after. */
  void backward(INDArray gradient) {
    gradient.muliRowVector(row(inverse, gradient.dataType()));
    due = true;
  }

  @Override
  public void update(INDArray gradient, int iteration, int epoch) {
    if (!due) {
      return;
    }
    due = false;
    double[] change = parameter.get().ravel().toDoubleVector();
    for (int i = 0; i < change.length; i++) {
      int feature = i % seenMean.length;
      double seen = i < seenMean.length ? seenMean[feature] : seenVariance[feature];
      change[i] = (1 - DECAY) * (change[i] - seen);
    }
    gradient.assign(row(change, gradient.dataType()).reshape(gradient.shape()));
  }

  @Override
  public IUpdater configured() {
    return none;
  }
}

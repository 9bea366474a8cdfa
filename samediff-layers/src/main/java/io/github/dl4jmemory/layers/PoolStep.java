package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.AdamStep;
import io.github.dl4jmemory.ops.MemoryOps;
import io.github.dl4jmemory.ops.TouchedRows;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * What the gradient of a step is made of, of a table in a file.
 *
 * @param touched the accesses, by rows of the table
 * @param weights [bags, bagSize]
 * @param outGradients [bags, values of a row]
 */
record PoolStep(TouchedRows touched, INDArray weights, INDArray outGradients) {

  /** An update of some of the touched rows, which are in memory. */
  interface Rule {
    void update(PoolRows rows, TouchedRows part);
  }

  /** The number of the step is the seed of its rounding. */
  Rule rule(IUpdater kind, int iteration, int epoch, double scale) {
    if (kind instanceof Adam adam) {
      AdamStep step = RowUpdater.step(adam, iteration, epoch, scale);
      return (rows, part) ->
          MemoryOps.bagAdam(
              rows.values(), rows.m(), rows.v(), weights, outGradients, part, step, iteration);
    }
    double rate = ((Sgd) kind).getLearningRate(iteration, epoch);
    return (rows, part) ->
        MemoryOps.bagSgd(rows.values(), weights, outGradients, part, rate, scale, iteration);
  }
}

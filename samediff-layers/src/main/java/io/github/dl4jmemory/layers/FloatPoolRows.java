package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.AdamStep;
import io.github.dl4jmemory.ops.MappedFile;
import io.github.dl4jmemory.ops.MemoryOps;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Rows of {@link ValueStorage#FLOAT32}: the ops of a pool in memory, on the file. */
final class FloatPoolRows implements PoolRows {

  private final INDArray values;
  private final INDArray m;
  private final INDArray v;

  FloatPoolRows(MappedFile memory, PoolLayout layout) {
    long slots = layout.slots();
    long valueSize = layout.valueSize();
    boolean moments = layout.moments();
    values = memory.array(DataType.FLOAT, layout.valuesAt(), slots, valueSize);
    m = moments ? memory.array(DataType.FLOAT, layout.firstMomentsAt(), slots, valueSize) : null;
    v = moments ? memory.array(DataType.FLOAT, layout.secondMomentsAt(), slots, valueSize) : null;
  }

  @Override
  public void read(INDArray slots, INDArray weights, INDArray out) {
    MemoryOps.weightedBag(values, slots, weights, out);
  }

  @Override
  public void weightGradient(INDArray slots, INDArray outGradients, INDArray weightGradientsOut) {
    MemoryOps.weightedBagWeightGradient(values, slots, outGradients, weightGradientsOut);
  }

  @Override
  public void sgd(Bags bags, double learningRate, double gradientScale) {
    MemoryOps.bagSgd(
        values, bags.weights(), bags.outGradients(), bags.touched(), learningRate, gradientScale);
  }

  @Override
  public void adam(Bags bags, AdamStep step) {
    MemoryOps.bagAdam(values, m, v, bags.weights(), bags.outGradients(), bags.touched(), step);
  }
}

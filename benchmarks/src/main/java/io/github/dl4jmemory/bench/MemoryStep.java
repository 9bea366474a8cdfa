package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** All that a product-key memory does in a training step: look up, read, both gradients, update. */
final class MemoryStep implements Workload {
  private final Shape shape;
  private final TableUpdate table;
  private final INDArray query;
  private final INDArray subKeys;
  private final INDArray outGradients;
  private final INDArray scores;
  private final INDArray slots;
  private final INDArray out;
  private final INDArray scoreGradients;
  private final INDArray queryGradients;
  private final INDArray subKeyGradients;

  MemoryStep(Shape shape) {
    this.shape = shape;
    table = new TableUpdate(shape.slots(), shape.valueSize());
    query = Inputs.uniform(1, shape.batch(), shape.heads(), shape.keySize());
    subKeys = Inputs.uniform(2, shape.heads(), 2, shape.subKeys(), shape.keySize() / 2);
    outGradients = Inputs.uniform(5, shape.batch(), shape.valueSize());
    scores = Nd4j.create(DataType.FLOAT, shape.batch(), shape.heads(), shape.topK());
    slots = Nd4j.create(DataType.INT64, shape.batch(), shape.heads(), shape.topK());
    out = Nd4j.create(DataType.FLOAT, shape.batch(), shape.valueSize());
    scoreGradients = scores.ulike();
    queryGradients = query.ulike();
    subKeyGradients = subKeys.ulike();
  }

  @Override
  public void run(int iteration) {
    INDArray read = slots.reshape(shape.batch(), shape.bagSize());
    INDArray weights = scores.reshape(shape.batch(), shape.bagSize());
    MemoryOps.productKeyTopK(query, subKeys, scores, slots);
    table.forward(read, weights, out);
    table.backward(
        read, weights, outGradients, scoreGradients.reshape(shape.batch(), shape.bagSize()));
    MemoryOps.productKeyTopKGradient(
        query, subKeys, slots, scoreGradients, queryGradients, subKeyGradients);
    table.update(weights, outGradients, iteration);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of(
        "scores", scores,
        "slots", slots,
        "out", out,
        "queryGradients", queryGradients,
        "subKeyGradients", subKeyGradients);
  }
}

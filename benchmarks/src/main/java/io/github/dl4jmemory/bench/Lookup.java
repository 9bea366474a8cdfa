package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The slots of a batch of queries, by product keys. */
final class Lookup implements Workload {
  private final INDArray query;
  private final INDArray subKeys;
  private final INDArray scores;
  private final INDArray slots;

  Lookup(Shape shape) {
    query = Inputs.uniform(1, shape.batch(), shape.heads(), shape.keySize());
    subKeys = Inputs.uniform(2, shape.heads(), 2, shape.subKeys(), shape.keySize() / 2);
    scores = Nd4j.create(DataType.FLOAT, shape.batch(), shape.heads(), shape.topK());
    slots = Nd4j.create(DataType.INT64, shape.batch(), shape.heads(), shape.topK());
  }

  @Override
  public void run(int iteration) {
    MemoryOps.productKeyTopK(query, subKeys, scores, slots);
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("scores", scores, "slots", slots);
  }
}

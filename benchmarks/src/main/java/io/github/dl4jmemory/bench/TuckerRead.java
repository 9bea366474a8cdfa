package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.UltraMemOps;
import java.util.Arrays;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The lookup of an UltraMem and the reading of its rows. Scored are {@code 2 subKeys} keys a side
 * (expansion 4); the table may have fewer slots than subKeys², so that of two workloads with the
 * same scores one reads a large table and one a small one.
 */
final class TuckerRead implements Workload {
  private static final int RANK = 2;
  private static final int CORES = 2;
  private static final int EXPANSION = 4;
  private static final int SETS = 8;

  private final Shape shape;
  private final INDArray values;
  private final INDArray[] queries;
  private final INDArray keys;
  private final INDArray cores;
  private final INDArray filters;
  private INDArray out;

  TuckerRead(Shape shape) {
    this.shape = shape;
    long width = shape.keySize() / RANK;
    values = Inputs.uniform(3, shape.slots(), shape.valueSize());
    keys = Inputs.uniform(4, shape.heads(), 2, RANK, 2L * shape.subKeys(), width);
    cores = Inputs.uniform(5, shape.heads(), CORES, RANK, RANK).addi(1);
    filters = UltraMemOps.tuckerFilters(cores, Nd4j.zeros(DataType.FLOAT, shape.heads(), 2, RANK));
    queries = new INDArray[SETS];
    Arrays.setAll(
        queries, set -> Inputs.uniform(6 + set, shape.batch(), shape.heads(), 2, RANK, width));
  }

  @Override
  public void run(int iteration) {
    UltraMemOps.TuckerTopK top =
        UltraMemOps.tuckerTopK(queries[iteration % SETS], keys, cores, filters, shape.topK());
    long virtual = (long) shape.subKeys() * shape.subKeys();
    UltraMemOps.ExpandedSlots places =
        UltraMemOps.expandSlots(bags(top.slots()), virtual, EXPANSION, 1);
    INDArray rows = Nd4j.createFromArray(inTable(places.slots())).reshape(places.slots().shape());
    INDArray weights =
        top.scores().reshape('c', shape.batch(), (long) shape.heads() * shape.topK(), CORES);
    out = UltraMemOps.expandedBag(values, rows, places.blocks(), weights, EXPANSION);
  }

  private INDArray bags(INDArray slots) {
    return slots.reshape('c', shape.batch(), (long) shape.heads() * shape.topK());
  }

  private long[] inTable(INDArray slots) {
    long[] rows = slots.data().asLong();
    for (int i = 0; i < rows.length; i++) {
      rows[i] %= shape.slots();
    }
    return rows;
  }

  @Override
  public Map<String, INDArray> results() {
    return Map.of("out", out);
  }

  @Override
  public INDArray table() {
    return values;
  }
}

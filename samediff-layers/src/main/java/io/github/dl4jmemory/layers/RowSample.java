package io.github.dl4jmemory.layers;

import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A few of the rows that a step reads, before and after its update. */
final class RowSample {

  private static final int ROWS = 64;

  private final ProductKeyLookupRuntime<?> reader;
  private final INDArray slots;
  private final INDArray before;

  /** Reads at most 64 distinct rows of these accesses, evenly spaced among them. */
  RowSample(ProductKeyLookupRuntime<?> reader, long[] accessed, int accesses, DataType type) {
    this.reader = reader;
    int taken = Math.min(ROWS, accesses);
    long[] distinct =
        IntStream.range(0, taken)
            .mapToLong(i -> accessed[(int) ((long) i * accesses / taken)])
            .distinct()
            .toArray();
    slots = Nd4j.createUninitializedDetached(DataType.INT64, distinct.length, 1);
    for (int i = 0; i < distinct.length; i++) {
      slots.putScalar(i, distinct[i]);
    }
    before = rows(type);
  }

  private INDArray rows(DataType type) {
    INDArray ones = Nd4j.createUninitializedDetached(type, slots.length(), 1).assign(1);
    INDArray rows =
        Nd4j.createUninitializedDetached(type, slots.length(), reader.layerConf().getValueSize());
    reader.read(slots, ones, rows);
    return rows;
  }

  /** Norms of the update, and of the rows now. */
  double[] norms() {
    INDArray after = rows(before.dataType());
    return new double[] {
      after.sub(before).norm2(1).meanNumber().doubleValue(),
      after.norm2(1).meanNumber().doubleValue()
    };
  }
}

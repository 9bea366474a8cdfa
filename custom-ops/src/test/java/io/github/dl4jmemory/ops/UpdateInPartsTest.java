package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Rows copied out, updated in parts and copied back have the bits of an update where they are. */
@ExtendWith(Seeded.class)
class UpdateInPartsTest {
  private static final int SLOTS = 61;
  private static final int BAGS = 13;
  private static final AdamStep STEP = AdamStep.of(0.1, 0.9, 0.99, 1e-3, 2, 0.5);

  private record Table(CompactTable values, INDArray m, INDArray v) {
    static Table zeros(CompactTable.Storage storage, long slots, long valueSize) {
      INDArray m = Nd4j.create(DataType.FLOAT, slots, valueSize);
      return new Table(CompactTiers.zeros(storage, slots, valueSize), m, m.dup());
    }

    void copy(long row, Table from, long fromRow) {
      values.values().getRow(row).assign(from.values.values().getRow(fromRow));
      if (values.scales() != null) {
        values.scales().putScalar(row, from.values.scales().getDouble(fromRow));
      }
      m.getRow(row).assign(from.m.getRow(fromRow));
      v.getRow(row).assign(from.v.getRow(fromRow));
    }

    void same(Table other) {
      for (int i = 0; i < 2; i++) {
        INDArray got = Nd4j.createFromArray(CompactTiers.stored(other.values).get(i));
        AssertClose.same("stored", CompactTiers.stored(values).get(i), got);
      }
      AssertClose.same("m", Elements.doubles(m), other.m);
      AssertClose.same("v", Elements.doubles(v), other.v);
    }
  }

  private record Batch(Kernels kernels, INDArray weights, INDArray outGradients, long seed) {

    void update(Table table, TouchedRows touched, boolean adam) {
      CompactTable values = table.values;
      Accesses rows = touched.accesses();
      long status;
      if (values.storage() == CompactTable.Storage.FLOAT32) {
        INDArray array = values.values();
        status =
            adam
                ? kernels.bagAdam(array, table.m, table.v, weights, outGradients, rows, STEP)
                : kernels.bagSgd(array, weights, outGradients, rows, 0.3);
      } else {
        CompactKernels compact = kernels.compact();
        status =
            adam
                ? compact.bagAdam(values, table.m, table.v, weights, outGradients, rows, STEP, seed)
                : compact.bagSgd(values, weights, outGradients, rows, 0.3, seed);
      }
      assertEquals(Kernels.OK, status);
    }

    void inParts(Table table, TouchedRows touched, int length, boolean adam) {
      long[] rows = touched.rows().toLongVector();
      for (int from = 0; from < rows.length; from += length) {
        int count = Math.min(length, rows.length - from);
        Table part = Table.zeros(table.values.storage(), count, outGradients.size(1));
        for (int i = 0; i < count; i++) {
          part.copy(i, table, rows[from + i]);
        }
        update(part, touched.part(from, count), adam);
        for (int i = 0; i < count; i++) {
          table.copy(rows[from + i], part, i);
        }
      }
    }
  }

  @Test
  void everyStorageAndUpdate(Random random) {
    CompactTiers.each(
        (kernels, storage) -> {
          for (int valueSize : new int[] {7, 67}) {
            check(random, kernels, storage, valueSize, valueSize == 7);
            check(random, kernels, storage, valueSize, valueSize == 67);
          }
        });
  }

  private void check(
      Random random, Kernels kernels, CompactTable.Storage storage, int valueSize, boolean adam) {
    INDArray slots = Elements.slots(random, SLOTS, BAGS, 5);
    TouchedRows touched = new TouchedRows();
    touched.group(slots, SLOTS);
    Batch batch =
        new Batch(
            kernels,
            Elements.uniform(random, DataType.FLOAT, BAGS, 5),
            Elements.uniform(random, DataType.FLOAT, BAGS, valueSize),
            random.nextLong());
    INDArray moments = Elements.uniform(random, DataType.FLOAT, SLOTS, valueSize);
    Table whole =
        new Table(
            CompactTiers.uniform(random, storage, SLOTS, valueSize),
            moments,
            moments.mul(moments).addi(0.01));
    Table parts = Table.zeros(storage, SLOTS, valueSize);
    for (int row = 0; row < SLOTS; row++) {
      parts.copy(row, whole, row);
    }
    batch.update(whole, touched, adam);
    batch.inParts(parts, touched, 1 + random.nextInt(10), adam);
    whole.same(parts);
  }
}

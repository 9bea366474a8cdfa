package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Columns of matrices in any order, to and fro. */
@ExtendWith(Seeded.class)
class ColumnCopyTest {

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE"})
  void columnsGoOutAndBack(DataType type, Random random) {
    ColumnShards shards = new ColumnShards(17, 5);
    INDArray matrix = Elements.uniform(random, type, 13, 17);
    for (INDArray rows :
        new INDArray[] {matrix, matrix.dup('f'), matrix.transpose().dup().transpose()}) {
      INDArray back = Nd4j.create(type, new long[] {13, 17}, rows.ordering());
      for (int shard = 0; shard < 5; shard++) {
        INDArray columns = shards.of(rows, shard);
        INDArray copy = ColumnCopy.of(columns);
        AssertClose.same("columns of shard " + shard, Elements.doubles(columns), copy);
        assertEquals(false, copy.isView());
        ColumnCopy.copy(copy, shards.of(back, shard));
      }
      AssertClose.same("all columns", Elements.doubles(matrix), back);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE"})
  void singleRowsAndColumns(DataType type, Random random) {
    INDArray row = Elements.uniform(random, type, 1, 3);
    INDArray column = Elements.uniform(random, type, 3, 1);
    ColumnShards shards = new ColumnShards(3, 3);
    for (int shard = 0; shard < 3; shard++) {
      assertEquals(row.getDouble(0, shard), ColumnCopy.of(shards.of(row, shard)).getDouble(0));
    }
    AssertClose.same("column", Elements.doubles(column), ColumnCopy.of(column));
    INDArray none = Nd4j.create(type, 0, 3);
    ColumnCopy.copy(none, none);
  }
}

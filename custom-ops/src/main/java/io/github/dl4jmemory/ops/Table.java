package io.github.dl4jmemory.ops;

import static io.github.dl4jmemory.ops.Require.ANY;

import org.nd4j.linalg.api.ndarray.INDArray;

/** What every op checks of a table of values, and of an array shaped like one. */
final class Table {
  private static final String TABLE = "[slots, valueSize]";

  private Table() {}

  /** FLOAT or DOUBLE [slots, valueSize], neither of them 0. */
  static void require(Require require, String parameter, INDArray table) {
    require.shape(parameter, table, TABLE, ANY, ANY);
    require.floating(parameter, table);
    require.positive(parameter, table, 0, "slots");
    require.positive(parameter, table, 1, "valueSize");
  }

  /** The shape and the dtype of a table that was checked. */
  static void requireLike(Require require, String parameter, INDArray array, INDArray table) {
    require.shape(parameter, array, TABLE, table.shape());
    require.type(parameter, array, table.dataType());
  }

  static long adviseHugePages(INDArray table) {
    Require.op("adviseHugePages").open("table", table, "");
    if (table.isEmpty() || !Dense.contiguous(table)) {
      return 0;
    }
    return KernelChoice.kernels().adviseHugePages(table);
  }
}

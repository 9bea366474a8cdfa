package io.github.dl4jmemory.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/** A table that Adam changes in part, and its moments, as kernels want them. */
record AdamTable(Dense table, Dense m, Dense v) {

  static void require(Require require, String parameter, INDArray table, INDArray m, INDArray v) {
    Table.require(require, parameter, table);
    Table.requireLike(require, "m", m, table);
    Table.requireLike(require, "v", v, table);
  }

  static AdamTable of(INDArray table, INDArray m, INDArray v) {
    return new AdamTable(Dense.inOut(table), Dense.inOut(m), Dense.inOut(v));
  }

  /** Hands the results to the caller's arrays. */
  void publish() {
    table.publish();
    m.publish();
    v.publish();
  }
}

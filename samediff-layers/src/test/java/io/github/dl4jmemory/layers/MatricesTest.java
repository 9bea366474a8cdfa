package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertSame;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Products of few rows and of many, which are formed in two ways. */
@ExtendWith(Seeded.class)
class MatricesTest {

  private static final int IN = 61;
  private static final int OUT = 97;
  private static final int[] ROWS = {1, 7, Matrices.FEW, Matrices.FEW + 1, 3 * Matrices.FEW};

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE"})
  void fewRowsAndManyAgree(DataType type, Random random) {
    INDArray b = Elements.uniform(random, type, IN, OUT);
    for (int rows : ROWS) {
      INDArray a = Elements.uniform(random, type, rows, IN);
      double[] expected = products(a, b);
      double tolerance = AssertClose.tolerance(type, IN, IN);
      INDArray out = Nd4j.valueArrayOf(new long[] {rows, OUT}, Double.NaN, type);
      assertSame(out, Matrices.product(a, b, out));
      AssertClose.close(rows + " rows", expected, out, tolerance);
      INDArray turned = Matrices.product(a, b.dup('f'), out.assign(Double.NaN));
      AssertClose.close(rows + " rows, b in 'f' order", expected, turned, tolerance);
      Matrices.product(a.transpose().dup().transpose(), b, out.assign(Double.NaN));
      AssertClose.close(rows + " rows of a transposed view", expected, out, tolerance);
    }
  }

  @Tag("native")
  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE"})
  void aRowOfFewDoesNotDependOnTheOthers(DataType type, Random random) {
    INDArray b = Elements.uniform(random, type, IN, OUT);
    INDArray a = Elements.uniform(random, type, Matrices.FEW, IN);
    INDArray together = Matrices.product(a, b, Nd4j.create(type, Matrices.FEW, OUT));
    for (int row = 0; row < Matrices.FEW; row++) {
      INDArray one = a.get(NDArrayIndex.interval(row, row + 1), NDArrayIndex.all());
      INDArray alone = Matrices.product(one, b, Nd4j.create(type, 1, OUT));
      INDArray expected = together.get(NDArrayIndex.interval(row, row + 1), NDArrayIndex.all());
      AssertClose.same("row " + row, Elements.doubles(expected), alone);
    }
  }

  private static double[] products(INDArray a, INDArray b) {
    double[] x = Elements.doubles(a);
    double[] y = Elements.doubles(b);
    int rows = a.rows();
    double[] out = new double[rows * OUT];
    for (int r = 0; r < rows; r++) {
      for (int k = 0; k < IN; k++) {
        for (int c = 0; c < OUT; c++) {
          out[r * OUT + c] += x[r * IN + k] * y[k * OUT + c];
        }
      }
    }
    return out;
  }
}

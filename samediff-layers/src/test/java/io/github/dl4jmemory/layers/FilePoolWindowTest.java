package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;

/** How much of a pool file is in memory at a time: a bound, which no result depends on. */
@ExtendWith(Seeded.class)
class FilePoolWindowTest {

  private static final Path MAPS = Path.of("/proc/self/maps");

  @TempDir Path folder;

  /** Pools with the same rows. */
  private FileTable table(String name, MemoryPool.Builder pool, long windowBytes) {
    Nd4j.getRandom().setSeed(7);
    MemoryPool built = pool.file(folder.resolve(name).toString()).build();
    FileTable table = new FileTable(built.stored(), "pool", () -> 0.5, windowBytes);
    table.bind(Nd4j.create(DataType.FLOAT, 1, PoolFingerprint.LENGTH));
    return table;
  }

  /** Two steps of bags [bags, bagSize]; what was read, and the gradients of the weights. */
  private static INDArray steps(Random random, FileTable table, int bags, int bagSize) {
    PoolLayout layout = table.file().layout();
    INDArray results = Nd4j.create(DataType.FLOAT, 0);
    for (int step = 0; step < 2; step++) {
      INDArray slots = Elements.slots(random, (int) layout.slots(), bags, bagSize);
      INDArray weights = Elements.uniform(random, DataType.FLOAT, bags, bagSize);
      INDArray gradients = Elements.uniform(random, DataType.FLOAT, bags, (int) layout.valueSize());
      INDArray out = Nd4j.create(DataType.FLOAT, bags, layout.valueSize());
      INDArray weightGradients = Nd4j.create(DataType.FLOAT, bags, bagSize);
      table.read(slots, weights, out);
      table.weightGradient(
          step == 0 ? slots : slots.castTo(DataType.INT32), gradients, weightGradients);
      table.backward(slots, weights, gradients);
      table.update(null, step, 0);
      INDArray both = Nd4j.concat(0, out.ravel(), weightGradients.ravel());
      results = step == 0 ? both : Nd4j.concat(0, results, both);
    }
    return results;
  }

  static Stream<Arguments> pools() {
    return Stream.of(ValueStorage.values())
        .flatMap(
            storage ->
                Stream.of(new Sgd(0.7), new Adam(1e-2))
                    .map(updater -> Arguments.of(storage, updater)));
  }

  /** One bag and one row at a time, some of them, and all at once: the same bits. */
  @ParameterizedTest
  @MethodSource("pools")
  void partsHaveTheBitsOfTheWhole(ValueStorage storage, IUpdater updater, Random random) {
    long seed = random.nextLong();
    MemoryPool.Builder pool = PoolGraphs.pool().valuesUpdater(updater).storage(storage);
    FileTable whole = table("whole", pool, RowWindow.BYTES);
    INDArray expected = steps(new Random(seed), whole, 7, 13);
    PoolRows rows = FilePools.all(whole.file());
    for (long windowBytes : new long[] {1, 401}) {
      FileTable parts = table("parts " + windowBytes, pool, windowBytes);
      INDArray results = steps(new Random(seed), parts, 7, 13);
      AssertClose.same("results", Elements.doubles(expected), results);
      PoolRows got = FilePools.all(parts.file());
      AssertClose.same("values", Elements.doubles(rows.values().values()), got.values().values());
      if (storage == ValueStorage.INT8) {
        AssertClose.same("scales", Elements.doubles(rows.values().scales()), got.values().scales());
      }
      if (updater instanceof Adam) {
        AssertClose.same("m", Elements.doubles(rows.m()), got.m());
        AssertClose.same("v", Elements.doubles(rows.v()), got.v());
      }
      parts.close();
    }
    whole.close();
  }

  /**
   * What the window takes only grows, so at the end of a step it is the most of the step. The rest
   * of the file is nowhere in the process, because it is not mapped.
   */
  @ParameterizedTest
  @EnumSource(ValueStorage.class)
  void aStepHoldsNoMoreThanIsSaid(ValueStorage storage, Random random) throws IOException {
    long bound = 1 << 14;
    for (IUpdater updater : new IUpdater[] {new Sgd(0.7), new Adam(1e-2)}) {
      MemoryPool.Builder pool =
          MemoryPool.builder().subKeys(61).valueSize(67).valuesUpdater(updater).storage(storage);
      String name = "pool of " + updater.getClass().getSimpleName();
      FileTable table = table(name, pool, bound);
      steps(random, table, 101, 41);
      long most = updater instanceof Adam ? 2 * bound : bound;
      long held = table.file().window().held();
      assertTrue(held > bound / 2 && held <= most, "holds " + held + " of at most " + most);
      assertTrue(table.file().layout().fileBytes() > 10 * most, "a file larger than that");
      if (Files.isReadable(MAPS)) {
        assertFalse(Files.readString(MAPS).contains(name), "the file is mapped");
      }
      table.close();
    }
  }

  /** The rows of a bag that are more than the bound are in memory together. */
  @Test
  void aBagIsNotDivided(Random random) {
    FileTable table = table("p", PoolGraphs.pool().valuesUpdater(new Sgd(0.7)), 1);
    assertEquals(1, table.file().window().mostRead());
    steps(random, table, 5, 97);
    assertEquals(97 * PoolGraphs.VALUE_SIZE * Float.BYTES, table.file().window().held());
    table.close();
  }

  /** The same gradient in two steps: rows of INT8 are rounded by other random bits. */
  @Test
  void aStepHasItsOwnRounding() {
    INDArray[] rows = new INDArray[3];
    int[] iterations = {5, 5, 6};
    for (int i = 0; i < 3; i++) {
      MemoryPool.Builder pool =
          PoolGraphs.pool().valueSize(67).valuesUpdater(new Sgd(0.7)).storage(ValueStorage.INT8);
      FileTable table = table("p" + i, pool, RowWindow.BYTES);
      INDArray slots = Nd4j.createFromArray(new long[][] {{3, 5}, {120, 3}});
      INDArray weights = Nd4j.createFromArray(new float[][] {{0.3f, 0.5f}, {0.7f, 0.2f}});
      table.backward(slots, weights, Nd4j.ones(DataType.FLOAT, 2, 67));
      table.update(null, iterations[i], 0);
      rows[i] = FilePools.all(table.file()).values().values().dup();
      table.close();
    }
    AssertClose.same("the same step", Elements.doubles(rows[0]), rows[1]);
    assertNotEquals(rows[0], rows[2], "another step");
  }
}

package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;

/** Expanded bags of a table in a file: in parts as at once, and beyond 2^31 values. */
@ExtendWith(Seeded.class)
class TuckerFileWindowTest {

  private static final int CORES = 2;
  private static final int EXPANSION = 4;

  @TempDir Path folder;

  private FileTable table(String name, PoolLayout layout, IUpdater updater, long windowBytes) {
    Nd4j.getRandom().setSeed(7);
    StoredTable stored =
        new StoredTable("FV", folder.resolve(name).toString(), layout, () -> updater, () -> 0.5);
    FileTable table = new FileTable(stored, "memory", () -> 0.5, windowBytes);
    table.bind(Nd4j.create(DataType.FLOAT, 1, PoolFingerprint.LENGTH));
    return table;
  }

  /** Two steps of bags; what was read, and the gradients of the weights. */
  private static INDArray steps(Random random, FileTable table, INDArray slots) {
    int bags = (int) slots.size(0);
    int bagSize = (int) slots.size(1);
    long valueSize = table.layout().valueSize() * CORES;
    ExpandedFile values = new ExpandedFile(table, CORES);
    INDArray results = Nd4j.create(DataType.FLOAT, 0);
    for (int step = 0; step < 2; step++) {
      INDArray blocks = Elements.slots(random, EXPANSION, bags, bagSize);
      INDArray weights = Elements.uniform(random, DataType.FLOAT, bags, bagSize, CORES);
      INDArray gradients = Elements.uniform(random, DataType.FLOAT, bags, EXPANSION, valueSize);
      INDArray out = values.read(slots, blocks, weights, EXPANSION);
      INDArray weightGradients = values.backward(slots, blocks, weights, gradients);
      table.update(null, step, 0);
      INDArray both = Nd4j.concat(0, out.ravel(), weightGradients.ravel());
      results = step == 0 ? both : Nd4j.concat(0, results, both);
    }
    return results;
  }

  /** One bag and one row at a time, some of them, and all at once: the same bits. */
  @ParameterizedTest
  @MethodSource("io.github.dl4jmemory.layers.FilePoolWindowTest#pools")
  void partsHaveTheBitsOfTheWhole(ValueStorage storage, IUpdater updater, Random random) {
    long seed = random.nextLong();
    PoolLayout layout = new PoolLayout(CORES * 37, 5, storage, updater instanceof Adam);
    INDArray slots = Elements.slots(random, 37, 7, 13);
    FileTable whole = table("whole", layout, updater, RowWindow.BYTES);
    INDArray expected = steps(new Random(seed), whole, slots);
    PoolRows rows = FilePools.all(whole.file());
    for (long windowBytes : new long[] {1, 1201}) {
      FileTable parts = table("parts " + windowBytes, layout, updater, windowBytes);
      INDArray results = steps(new Random(seed), parts, slots);
      AssertClose.same("results", Elements.doubles(expected), results);
      PoolRows got = FilePools.all(parts.file());
      AssertClose.same("values", Elements.doubles(rows.values().values()), got.values().values());
      if (updater instanceof Adam) {
        AssertClose.same("m", Elements.doubles(rows.m()), got.m());
        AssertClose.same("v", Elements.doubles(rows.v()), got.v());
      }
      parts.close();
    }
    whole.close();
  }

  /** Rows of two cores each 17 values; decoded, no more of them than the window has bytes. */
  @ParameterizedTest
  @EnumSource(ValueStorage.class)
  void aStepHoldsNoMoreThanIsSaid(ValueStorage storage, Random random) {
    long bound = 1 << 14;
    PoolLayout layout = new PoolLayout(CORES * 1009, 17, storage, true);
    FileTable table = table("t", layout, new Adam(1e-2), bound);
    steps(random, table, Elements.slots(random, 1009, 101, 41));
    long held = table.file().window().held();
    assertTrue(held > bound / 4 && held <= 2 * bound, "holds " + held + " bytes");
    long decoded = (long) table.window().mostDecoded() * 17 * Float.BYTES;
    assertTrue(decoded > bound / 2 && decoded <= bound, "decodes " + decoded + " bytes");
    table.close();
  }

  /** A file of 4639² slots of 100 values that takes no disk: zeros but where a step writes. */
  private PoolFingerprint sparse(String name, PoolLayout layout) throws IOException {
    PoolStamp stamp = PoolStamp.first();
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve(name), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(1), layout.fileBytes() - 1);
      new PoolHeader(layout, stamp, false).write(channel);
    }
    return PoolFingerprint.at(stamp);
  }

  /** Zeros, trained at the ends of the table: the bits of a small table with the same rows. */
  @Test
  void beyondTwoToTheThirtyOne(Random random) throws IOException {
    long seed = random.nextLong();
    long slots = 4639L * 4639;
    PoolLayout layout = new PoolLayout(CORES * slots, 50, ValueStorage.FLOAT32, false);
    assertTrue(slots * 100 > Integer.MAX_VALUE, "values beyond 2^31");
    FileTable[] tables = new FileTable[2];
    INDArray[] results = new INDArray[2];
    INDArray near = Elements.slots(random, 10, 5, 7);
    long[] all = near.dup('c').data().asLong();
    long[] far = LongStream.of(all).map(i -> i < 3 ? i : slots - 10 + i).toArray();
    for (int i = 0; i < 2; i++) {
      PoolLayout size = i == 0 ? new PoolLayout(CORES * 10, 50, layout.storage(), false) : layout;
      PoolFingerprint fingerprint = sparse("t" + i, size);
      StoredTable stored =
          new StoredTable(
              "FV", folder.resolve("t" + i).toString(), size, () -> new Sgd(0.7), () -> 1);
      tables[i] = new FileTable(stored, "memory", () -> 0.5);
      INDArray parameter = Nd4j.create(DataType.FLOAT, 1, PoolFingerprint.LENGTH);
      fingerprint.write(parameter);
      tables[i].bind(parameter);
      INDArray places = i == 0 ? near : Nd4j.createFromArray(far).reshape(5, 7);
      results[i] = steps(new Random(seed), tables[i], places);
    }
    AssertClose.same("results", Elements.doubles(results[0]), results[1]);
    long[] last = LongStream.range(CORES * (slots - 7), CORES * slots).toArray();
    INDArray read = tables[1].window().values(last, 0, last.length).values().dup();
    INDArray expected =
        FilePools.values(tables[0]).get(NDArrayIndex.interval(6, 20), NDArrayIndex.all());
    AssertClose.same("rows", Elements.doubles(expected), read);
    assertTrue(read.amaxNumber().doubleValue() > 0, "rows were changed");
    assertEquals(layout.fileBytes(), Files.size(folder.resolve("t1")));
    tables[0].close();
    tables[1].close();
  }
}

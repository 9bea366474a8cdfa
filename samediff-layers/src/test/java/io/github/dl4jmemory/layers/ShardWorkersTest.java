package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.ops.KernelThread;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The workers of a split pool, and the table that is split among them. */
@ExtendWith(Seeded.class)
class ShardWorkersTest {

  @Test
  void everyTaskHasAThreadOfItsOwn() {
    ShardWorkers workers = new ShardWorkers("pool", 3);
    Thread[] threads = new Thread[3];
    CountDownLatch allAtOnce = new CountDownLatch(3);
    workers.forEach(
        i -> {
          threads[i] = Thread.currentThread();
          allAtOnce.countDown();
          await(allAtOnce);
        });
    for (int i = 0; i < 3; i++) {
      assertTrue(threads[i] instanceof KernelThread && threads[i].isDaemon());
      assertEquals("pool shard " + i, threads[i].getName());
    }
    assertEquals(3, Arrays.stream(threads).distinct().count());
    Thread[] second = new Thread[2];
    workers.forEach(2, i -> second[i] = Thread.currentThread());
    assertSame(threads[0], second[0]);
    assertSame(threads[1], second[1]);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The caller gets the first failure, when all tasks have ended, and can go on. */
  @Test
  void failuresReachTheCaller() {
    ShardWorkers workers = new ShardWorkers("pool", 3);
    AtomicInteger ended = new AtomicInteger();
    CountDownLatch lastFailed = new CountDownLatch(1);
    RuntimeException[] failures = {
      new IllegalArgumentException("0"), null, new IllegalStateException("2")
    };
    RuntimeException got =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                workers.forEach(
                    i -> {
                      if (i == 2) {
                        lastFailed.countDown();
                      } else {
                        await(lastFailed);
                      }
                      ended.incrementAndGet();
                      if (failures[i] != null) {
                        throw failures[i];
                      }
                    }));
    assertSame(failures[0], got);
    assertSame(failures[2], got.getSuppressed()[0]);
    assertEquals(3, ended.get());
    Error error = new OutOfMemoryError("as given");
    Executor failing =
        i -> {
          throw error;
        };
    assertSame(error, assertThrows(OutOfMemoryError.class, () -> workers.forEach(failing::run)));
    workers.forEach(i -> ended.incrementAndGet());
    assertEquals(6, ended.get());
  }

  private interface Executor {
    void run(int task);
  }

  /** A shard that multiplies its columns by hand, and fails when told to. */
  private static final class Shard implements PoolTable {
    final INDArray values;
    boolean fails;
    INDArray gradients;

    Shard(INDArray values) {
      this.values = values;
    }

    private void check(INDArray slots) {
      assertEquals(DataType.INT32, slots.dataType());
      if (fails) {
        throw new IllegalStateException("shard is gone");
      }
    }

    /** One bag of one access. */
    @Override
    public void read(INDArray slots, INDArray weights, INDArray out) {
      check(slots);
      out.assign(values.getRow(slots.getInt(0)).mul(weights.getDouble(0)));
    }

    @Override
    public void weightGradient(INDArray slots, INDArray outGradients, INDArray out) {
      check(slots);
      out.assign(values.getRow(slots.getInt(0)).mul(outGradients).sumNumber());
    }

    @Override
    public void backward(INDArray slots, INDArray weights, INDArray outGradients) {
      check(slots);
      gradients = outGradients.mul(weights.getDouble(0));
    }

    @Override
    public void backwardOfNothing() {
      gradients = null;
    }
  }

  /** Every shard sees its own columns, INT slots, and adds its part; after a failure too. */
  @Test
  void columnsArePassedAndPartsAreSummed(Random random) {
    ColumnShards columns = new ColumnShards(7, 3);
    INDArray values = Elements.whole(random, DataType.DOUBLE, 9, 5, 7);
    List<Shard> shards =
        IntStream.range(0, 3).mapToObj(i -> new Shard(columns.of(values, i).dup())).toList();
    ShardedTable table = new ShardedTable(columns, shards, new ShardWorkers("pool", 3));
    INDArray slots = Nd4j.createFromArray(new long[][] {{3}});
    INDArray weights = Nd4j.createFromArray(new double[][] {{2}});
    INDArray out = Nd4j.zeros(DataType.DOUBLE, 1, 7);
    INDArray gradient = Elements.whole(random, DataType.DOUBLE, 9, 1, 7);
    INDArray weightGradient = Nd4j.zeros(DataType.DOUBLE, 1, 1);
    shards.get(1).fails = true;
    assertEquals(
        "shard is gone",
        assertThrows(IllegalStateException.class, () -> table.read(slots, weights, out))
            .getMessage());
    shards.get(1).fails = false;
    table.read(slots, weights, out);
    AssertClose.same("out", Elements.doubles(values.getRow(3).mul(2)), out);
    table.weightGradient(slots, gradient, weightGradient);
    double dot = values.getRow(3).mul(gradient).sumNumber().doubleValue();
    assertEquals(dot, weightGradient.getDouble(0));
    table.backward(slots, weights, gradient);
    for (int i = 0; i < 3; i++) {
      INDArray expected = columns.of(gradient, i).mul(2);
      AssertClose.same("gradient", Elements.doubles(expected), shards.get(i).gradients);
    }
    table.backwardOfNothing();
    assertEquals(3, shards.stream().filter(shard -> shard.gradients == null).count());
  }
}

package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.ops.KernelThread;
import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.commons.lang3.ArrayUtils;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

/** When a memory works beside other layers, what goes wrong there, and what becomes of threads. */
@ExtendWith(Seeded.class)
class MemoryBranchTest {

  private static final Runnable NOTHING = () -> {};

  /** What the memory, and the layer that runs meanwhile, do in a pass. */
  private final AtomicReference<Runnable> lookup = new AtomicReference<>(NOTHING);

  private final AtomicReference<Runnable> memoryBackward = new AtomicReference<>(NOTHING);
  private final AtomicReference<Runnable> forward = new AtomicReference<>(NOTHING);
  private final AtomicReference<Runnable> backward = new AtomicReference<>(NOTHING);
  private final AtomicReference<Thread> thread = new AtomicReference<>();

  /** A memory that reads block0 and is added to block4; block2 is probed. */
  private ComputationGraph network(boolean asynchronous) {
    SkippedChains.ProbedMemory memory =
        new SkippedChains.ProbedMemory(
            () -> {
              thread.set(Thread.currentThread());
              lookup.get().run();
            },
            () -> memoryBackward.get().run());
    return SkippedChains.network(
        SkippedChains.dense(
            DataType.FLOAT,
            new SkippedChains.Probe(() -> forward.get().run(), () -> backward.get().run())),
        asynchronous,
        new SkipMemories.Span("m0", "block0", "block4", memory));
  }

  private static void await(CountDownLatch latch) {
    try {
      assertTrue(latch.await(20, TimeUnit.SECONDS), "waited for what never came");
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static INDArray rows(Random random, int rows) {
    return Elements.uniform(random, DataType.FLOAT, rows, Networks.IN);
  }

  private static DataSet batch(Random random, int rows) {
    return new DataSet(
        rows(random, rows), Elements.uniform(random, DataType.FLOAT, rows, Networks.OUT));
  }

  /** The memory ends its passes after the layer has begun its own, which only then goes on. */
  @Test
  void memoryAndLayersWorkAtTheSameTime(Random random) {
    ComputationGraph network = network(true);
    DataSet data = batch(random, 7);
    INDArray x = data.getFeatures();
    List<Runnable> passes =
        List.of(() -> network.output(x), () -> network.rnnTimeStep(x), () -> network.fit(data));
    for (Runnable pass : passes) {
      CountDownLatch layer = new CountDownLatch(1);
      CountDownLatch looked = new CountDownLatch(1);
      CountDownLatch layerBack = new CountDownLatch(1);
      CountDownLatch back = new CountDownLatch(1);
      lookup.set(meet(looked, layer));
      forward.set(meet(layer, looked));
      memoryBackward.set(meet(back, layerBack));
      backward.set(meet(layerBack, back));
      pass.run();
      assertTrue(thread.get() instanceof KernelThread && thread.get().isDaemon());
      assertEquals("ProbedMemory m0", thread.get().getName());
    }
  }

  /** The layer reads the same vertex, and DL4J has it run before the memory. */
  @Test
  void outputsBeginWhenTheirInputIsThere(Random random) {
    ComputationGraph network =
        SkippedChains.network(
            SkippedChains.dense(
                DataType.FLOAT, new SkippedChains.Probe(() -> forward.get().run(), NOTHING)),
            true,
            new SkipMemories.Span(
                "m0",
                "block1",
                "block2",
                new SkippedChains.ProbedMemory(() -> lookup.get().run(), NOTHING)));
    int[] order = network.topologicalSortOrder();
    int layer = ArrayUtils.indexOf(order, network.getVertex("block2").getVertexIndex());
    int memory = ArrayUtils.indexOf(order, network.getVertex("m0").getVertexIndex());
    assertTrue(layer < memory, "the order that this test is about");
    CountDownLatch looked = new CountDownLatch(1);
    CountDownLatch layerRuns = new CountDownLatch(1);
    lookup.set(meet(looked, layerRuns));
    forward.set(meet(layerRuns, looked));
    network.output(rows(random, 7));
    network.rnnTimeStep(rows(random, 3));
  }

  private static Runnable meet(CountDownLatch here, CountDownLatch there) {
    return () -> {
      here.countDown();
      await(there);
    };
  }

  @Test
  void whatTheMemoryThrowsIsThrownByThePass(Random random) {
    ComputationGraph network = network(true);
    ComputationGraph twin = network(false);
    DataSet data = batch(random, 5);
    IllegalStateException failure = new IllegalStateException("as given");
    Runnable failing =
        () -> {
          throw failure;
        };
    lookup.set(failing);
    assertSame(failure, thrown(() -> network.output(data.getFeatures())));
    assertSame(failure, thrown(() -> network.fit(data)));
    lookup.set(NOTHING);
    memoryBackward.set(failing);
    assertSame(failure, thrown(() -> network.fit(data)));
    Error error = new OutOfMemoryError("as given");
    lookup.set(
        () -> {
          throw error;
        });
    assertSame(error, rootOf(thrown(() -> network.output(data.getFeatures()))));
    lookup.set(NOTHING);
    memoryBackward.set(NOTHING);
    network.getUpdater().setStateViewArray(null, twin.getUpdater().getStateViewArray(), false);
    same(twin, network, data);
  }

  private static RuntimeException thrown(Runnable pass) {
    return assertThrows(RuntimeException.class, pass::run);
  }

  /** DL4J wraps errors. */
  private static Throwable rootOf(Throwable thrown) {
    return thrown.getCause() == null ? thrown : rootOf(thrown.getCause());
  }

  /** They step, train and step to the same bits. */
  private static void same(ComputationGraph expected, ComputationGraph got, DataSet data) {
    for (int step = 0; step < 2; step++) {
      double[] output = Elements.doubles(expected.outputSingle(data.getFeatures()));
      AssertClose.same("output", output, got.outputSingle(data.getFeatures()));
      expected.fit(data);
      got.fit(data);
      AssertClose.same("parameters", Elements.doubles(expected.params()), got.params());
    }
  }

  /** A layer fails while the memory works, or nobody asks for more: the next pass is right. */
  @Test
  void aPassThatIsBrokenOff(Random random) {
    ComputationGraph network = network(true);
    DataSet data = batch(random, 5);
    DataSet larger = batch(random, 11);
    IllegalStateException failure = new IllegalStateException("of the layer");
    for (Runnable pass :
        List.<Runnable>of(
            () -> network.output(larger.getFeatures()),
            () -> network.output(true, larger.getFeatures()),
            () -> network.fit(larger))) {
      CountDownLatch broken = new CountDownLatch(1);
      AtomicBoolean ended = new AtomicBoolean();
      lookup.set(
          () -> {
            await(broken);
            ended.set(random.doubles(1_000_000).sorted().sum() > 0); // takes a while
            throw new IllegalStateException("of a memory whose output nobody wants");
          });
      forward.set(
          () -> {
            throw failure;
          });
      assertSame(failure, thrown(pass));
      assertTrue(SkippedChains.memory(network, "m0").workBeside().isBusy());
      forward.set(NOTHING);
      broken.countDown();
      SkippedChains.memory(network, "m0").settle();
      assertTrue(ended.get(), "it was waited for");
      lookup.set(NOTHING);
    }
    CountDownLatch stopped = new CountDownLatch(1);
    lookup.set(() -> await(stopped));
    network.output(List.of("block3"), false, new INDArray[] {larger.getFeatures()}, null);
    stopped.countDown();
    same(network(false), network, data);
  }

  @Test
  void aBackwardPassThatIsBrokenOff(Random random) {
    ComputationGraph network = network(true);
    ComputationGraph twin = network(false);
    DataSet data = batch(random, 5);
    CountDownLatch broken = new CountDownLatch(1);
    memoryBackward.set(() -> await(broken));
    backward.set(
        () -> {
          throw new IllegalStateException("of the layer");
        });
    assertEquals("of the layer", thrown(() -> network.fit(batch(random, 11))).getMessage());
    backward.set(NOTHING);
    broken.countDown();
    SkippedChains.memory(network, "m0").settle();
    memoryBackward.set(NOTHING);
    AssertClose.same("parameters", Elements.doubles(twin.params()), network.params());
    same(twin, network, data);
  }

  @Test
  void anInterruptedThreadHasItsResult(Random random) {
    ComputationGraph network = network(true);
    INDArray x = rows(random, 7);
    double[] expected = Elements.doubles(network.outputSingle(x));
    Thread main = Thread.currentThread();
    lookup.set(() -> awaitWaiting(main));
    forward.set(main::interrupt);
    INDArray got = network.outputSingle(x);
    assertTrue(Thread.interrupted(), "still interrupted");
    AssertClose.same("output", expected, got);
  }

  private static void awaitWaiting(Thread other) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (other.getState() != Thread.State.WAITING && System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }

  @Test
  void clonesInThreadsOfTheirOwn(Random random) {
    ComputationGraph network = network(true);
    List<DataSet> data = List.of(batch(random, 7), batch(random, 3), batch(random, 13));
    List<CompletableFuture<ComputationGraph>> trained = new ArrayList<>();
    for (DataSet own : data) {
      ComputationGraph clone = network.clone();
      trained.add(
          CompletableFuture.supplyAsync(
              () -> {
                for (int step = 0; step < 7; step++) {
                  clone.fit(own);
                  clone.output(own.getFeatures());
                }
                return clone;
              }));
    }
    for (int i = 0; i < data.size(); i++) {
      ComputationGraph expected = network(false);
      for (int step = 0; step < 7; step++) {
        expected.fit(data.get(i));
      }
      INDArray got = trained.get(i).join().params();
      AssertClose.same("clone " + i, Elements.doubles(expected.params()), got);
    }
  }

  @Test
  void threadsEndAndNothingIsHeld(Random random) throws InterruptedException {
    ComputationGraph network = network(true);
    network.output(rows(random, 7));
    Thread first = thread.get();
    first.join(20_000);
    assertFalse(first.isAlive(), "the thread ends without work");
    network.output(rows(random, 7)); // and another one comes with it
    assertTrue(thread.get() != first && thread.get().isAlive());
    ReferenceQueue<Object> queue = new ReferenceQueue<>();
    Reference<Object> memory = new WeakReference<>(network.getLayer("m0"), queue);
    network = null;
    Reference<?> gone = null;
    for (int i = 0; i < 100 && gone == null; i++) {
      System.gc();
      gone = queue.remove(100);
    }
    assertNotNull(gone, "an idle thread holds its memory");
    assertSame(memory, gone);
  }
}

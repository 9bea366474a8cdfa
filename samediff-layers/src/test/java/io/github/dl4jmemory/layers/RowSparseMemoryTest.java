package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/** What a step allocates does not depend on the number of slots. */
class RowSparseMemoryTest {

  private static final int SMALL = 16;
  private static final int LARGE = 512;

  @Test
  void stepsAllocateAlike() {
    long[] small = bytesOfSteps(SMALL);
    long[] large = bytesOfSteps(LARGE);
    long table = (long) LARGE * LARGE * 7 * 4;
    assertTrue(
        large[0] - small[0] < table / 10,
        "heap bytes of the steps: " + small[0] + " with few slots, " + large[0] + " with many");
    assertTrue(
        large[1] - small[1] < table / 10,
        "workspace bytes: " + small[1] + " with few slots, " + large[1] + " with many");
    assertTrue(
        large[2] - small[2] < table / 10,
        "off-heap bytes of a step: " + small[2] + " with few slots, " + large[2] + " with many");
  }

  /** The counter that the test above goes by; arrays of other tests may be freed meanwhile. */
  @Test
  void offHeapBytesAreCounted() {
    long before = offHeap();
    INDArray array = Nd4j.createUninitializedDetached(DataType.FLOAT, 1 << 24);
    long counted = offHeap() - before;
    assertTrue(counted >= 3 * array.length(), "bytes counted: " + counted);
  }

  private static long offHeap() {
    return Nd4j.getEnvironment().getDeviceCouner(0);
  }

  /**
   * Heap bytes allocated by three steps, the size of the workspaces that they work in, and the most
   * that one of them allocated off-heap beside these.
   */
  private static long[] bytesOfSteps(int subKeys) {
    Nd4j.getWorkspaceManager().destroyAllWorkspacesForCurrentThread();
    MultiLayerNetwork network = Networks.forTraining(Networks.memory().subKeys(subKeys).build());
    RowSparseTraining.attach(network);
    DataSet batch = ProductKeyMemoryLifecycleTest.batch(1);
    for (int warmUp = 0; warmUp < 3; warmUp++) {
      network.fit(batch);
    }
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long thread = Thread.currentThread().getId();
    long heap = threads.getThreadAllocatedBytes(thread);
    long offHeap = 0; // the most: arrays that are freed during a step count against it
    for (int step = 0; step < 3; step++) {
      long before = offHeap();
      network.fit(batch);
      offHeap = Math.max(offHeap, offHeap() - before);
    }
    long heapOfSteps = threads.getThreadAllocatedBytes(thread) - heap;
    long workspaces =
        Nd4j.getWorkspaceManager().getAllWorkspacesForCurrentThread().stream()
            .mapToLong(MemoryWorkspace::getCurrentSize)
            .sum();
    assertTrue(workspaces > 0, "training runs in workspaces");
    return new long[] {heapOfSteps, workspaces, offHeap};
  }
}

package io.github.dl4jmemory.layers;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.nd4j.linalg.factory.Nd4j;

/** Runs independent tasks on as many threads as ND4J is set to. */
final class Parallel {

  private Parallel() {}

  /** Runs tasks 0 .. tasks - 1, each once; what a task computes must depend on its number only. */
  static void forEach(int tasks, IntConsumer task) {
    int workers = Math.min(Math.max(1, Nd4j.getEnvironment().maxMasterThreads()), tasks);
    AtomicInteger next = new AtomicInteger();
    IntConsumer work =
        worker -> {
          for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
            task.accept(i);
          }
        };
    if (workers == 1) {
      work.accept(0); // to hand it to another thread takes longer than a small task
    } else {
      IntStream.range(0, workers).parallel().forEach(work);
    }
  }
}

package io.github.dl4jmemory.ops;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.nd4j.linalg.factory.Nd4j;

/** Runs independent tasks on as many threads as ND4J is set to. */
final class Parallel {
  private Parallel() {}

  /** One task, with the scratch of the thread that runs it. */
  interface Task<S> {
    void run(long task, S scratch);
  }

  /** ND4J's own setting for the threads of one operation; the share of a {@link KernelThread}. */
  static int threads() {
    int all = Math.max(1, Nd4j.getEnvironment().maxMasterThreads());
    return Thread.currentThread() instanceof KernelThread thread ? thread.shareOf(all) : all;
  }

  /** Runs tasks 0 .. tasks - 1, each once; what a task computes must depend on its number only. */
  static <S> void run(long tasks, Supplier<S> scratch, Task<S> task) {
    AtomicLong next = new AtomicLong();
    int workers = (int) Math.min(threads(), tasks);
    IntConsumer worker =
        number -> {
          S mine = scratch.get();
          for (long i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
            task.run(i, mine);
          }
        };
    if (workers == 1) {
      worker.accept(0); // to hand it to another thread takes longer than a small task
    } else {
      IntStream.range(0, workers).parallel().forEach(worker);
    }
  }
}

package io.github.dl4jmemory.zoo;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;

/** Does several works at once. When one fails, the others are asked to stop, and then it throws. */
final class SideBySide {
  /** Something to do; asks {@link #failed} from time to time. */
  @FunctionalInterface
  interface Work {
    void run() throws IOException;
  }

  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  /** Whether a work has failed, so that the others are to stop. */
  boolean failed() {
    return failure.get() != null;
  }

  /** Does the works on so many threads, begun in their order; returns when none runs any more. */
  void run(List<Work> works, int threads) throws IOException {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      CompletableFuture.allOf(
              works.stream()
                  .map(work -> CompletableFuture.runAsync(() -> attempt(work), pool))
                  .toArray(CompletableFuture[]::new))
          .join();
    } finally {
      pool.shutdown();
    }
    throwFailure();
  }

  private void attempt(Work work) {
    try {
      work.run();
    } catch (IOException | RuntimeException | Error e) {
      if (!failure.compareAndSet(null, e)) {
        failure.get().addSuppressed(e);
      }
    }
  }

  private void throwFailure() throws IOException {
    Throwable first = failure.get();
    if (first instanceof IOException e) {
      throw e;
    } else if (first instanceof RuntimeException e) {
      throw e;
    } else if (first instanceof Error e) {
      throw e;
    }
  }
}

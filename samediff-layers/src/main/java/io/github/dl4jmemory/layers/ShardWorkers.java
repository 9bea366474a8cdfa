package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.KernelThread;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;

/**
 * One thread for every shard of a pool. A shard's tasks run in the order in which they are given.
 * Workers share ND4J's threads among them ({@link KernelThread}). They are daemons, start with the
 * first task and end after a few seconds without one: there is nothing to close.
 */
final class ShardWorkers {

  private static final long IDLE_SECONDS = 5;

  private final List<ThreadPoolExecutor> workers = new ArrayList<>();
  private final List<CompletableFuture<Void>> updates = new ArrayList<>();

  ShardWorkers(String pool, int shards) {
    for (int shard = 0; shard < shards; shard++) {
      workers.add(worker(pool + " shard " + shard, IDLE_SECONDS, () -> {}));
    }
  }

  /**
   * One thread, a daemon, that starts with the first task and ends after some time without one.
   *
   * @param atEnd what it does last
   */
  static ThreadPoolExecutor worker(String name, long idleSeconds, Runnable atEnd) {
    ThreadPoolExecutor worker =
        new ThreadPoolExecutor(
            1,
            1,
            idleSeconds,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            tasks -> new KernelThread(() -> runAll(tasks, atEnd), name));
    worker.allowCoreThreadTimeOut(true);
    return worker;
  }

  private static void runAll(Runnable tasks, Runnable atEnd) {
    try {
      tasks.run();
    } finally {
      atEnd.run();
    }
  }

  /** Runs task 0 on worker 0 and so on, a task on every worker, and waits for all. */
  void forEach(IntConsumer task) {
    forEach(workers.size(), task);
  }

  /**
   * Runs task 0 on worker 0 and so on, and waits for all.
   *
   * @param tasks how many, at most one for each worker
   * @param task what it computes must depend on its number only; what the first one that fails
   *     throws is thrown here, when all have ended, the others' suppressed
   */
  void forEach(int tasks, IntConsumer task) {
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (int i = 0; i < tasks; i++) {
      int number = i;
      all.add(start(number, tasks, () -> task.accept(number)));
    }
    join(all);
  }

  /**
   * Has the tables of all shards, in their order, updated by their own workers. DL4J asks for one
   * update after the other: they are started as it asks, and the last one waits for all.
   */
  void update(List<RowTable> tables) {
    int last = tables.size() - 1;
    for (int i = 0; i <= last; i++) {
      int shard = i;
      tables
          .get(shard)
          .updateBy(
              update -> {
                updates.add(start(shard, tables.size(), update));
                if (shard == last) {
                  join(updates);
                }
              });
    }
  }

  private CompletableFuture<Void> start(int worker, int sharers, Runnable task) {
    try {
      return CompletableFuture.runAsync(
          () -> {
            ((KernelThread) Thread.currentThread()).shareWith(sharers);
            task.run();
          },
          workers.get(worker));
    } catch (RuntimeException | Error e) { // no thread to be had: those that run are waited for
      return CompletableFuture.failedFuture(e);
    }
  }

  /** Waits for all, whatever happens, and empties the list. */
  private static void join(List<CompletableFuture<Void>> all) {
    Throwable first = null;
    for (CompletableFuture<Void> each : all) {
      try {
        each.join();
      } catch (CompletionException e) {
        if (first == null) {
          first = e.getCause();
        } else if (first != e.getCause()) {
          first.addSuppressed(e.getCause());
        }
      }
    }
    all.clear();
    if (first instanceof Error error) {
      throw error;
    }
    if (first != null) {
      throw (RuntimeException) first; // tasks declare no checked exception
    }
  }
}

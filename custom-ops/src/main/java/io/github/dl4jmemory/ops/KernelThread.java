package io.github.dl4jmemory.ops;

/**
 * A daemon thread whose operations take a share of ND4J's threads instead of all of them: for
 * threads that call {@link MemoryOps} at the same time and would otherwise ask for more threads
 * than there are processors. Results do not depend on it. The share is kept by the operations of
 * {@link MemoryOps}, not by ND4J's own.
 */
public final class KernelThread extends Thread {
  private int sharers = 1;

  /**
   * A thread, not started.
   *
   * @param task what it runs
   * @param name its name
   */
  public KernelThread(Runnable task, String name) {
    super(task, name);
    setDaemon(true);
  }

  /**
   * Says how many threads work at the same time as this one, from here on; to be called on the
   * thread itself.
   *
   * @param sharers threads that share ND4J's, this one included; operations take {@code max(1,
   *     threads / sharers)}
   * @throws IllegalArgumentException if sharers is below 1
   */
  public void shareWith(int sharers) {
    if (sharers < 1) {
      throw Require.op("KernelThread")
          .error(
              "sharers",
              "a number >= 1",
              Integer.toString(sharers),
              "count the threads that work, this one included");
    }
    this.sharers = sharers;
  }

  int shareOf(int threads) {
    return Math.max(1, threads / sharers);
  }
}

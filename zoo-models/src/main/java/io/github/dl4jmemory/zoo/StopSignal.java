package io.github.dl4jmemory.zoo;

import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;

/**
 * Becomes true when the process is asked to end (Ctrl-C, kill), so that a program can keep what it
 * has and stop; the process waits for it.
 */
final class StopSignal implements BooleanSupplier {
  /** Exit code of a program that was stopped and can go on later. */
  static final int INTERRUPTED = 130;

  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean stopped;

  @Override
  public boolean getAsBoolean() {
    return stopped;
  }

  /** Runs a program that asks this signal, and ends the process with its exit code. */
  void exitAfter(IntSupplier program) {
    Thread onSignal = new Thread(this::stopAndWait, "checkpoint on signal");
    Runtime.getRuntime().addShutdownHook(onSignal);
    int code;
    try {
      code = program.getAsInt();
    } finally {
      ended.countDown(); // also when it throws: nobody is to wait for it then
    }
    if (code != INTERRUPTED) {
      Runtime.getRuntime().removeShutdownHook(onSignal);
      System.exit(code);
    }
  }

  /** What happens on a signal: returns when the program has ended. */
  void stopAndWait() {
    stopped = true;
    try {
      ended.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

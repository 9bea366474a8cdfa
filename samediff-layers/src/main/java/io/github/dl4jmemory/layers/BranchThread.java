package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.KernelThread;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ThreadPoolExecutor;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.memory.enums.LearningPolicy;
import org.nd4j.linalg.api.memory.enums.ResetPolicy;
import org.nd4j.linalg.api.memory.enums.SpillPolicy;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A thread that does one task at a time beside the thread that gives it. What a task makes lies in
 * a workspace of its own and is gone with the task, if it is not detached. It is a daemon, starts
 * with the first task and ends after a second without one, and with it goes its workspace: there is
 * nothing to close.
 */
final class BranchThread {

  private static final long IDLE_SECONDS = 1;
  private static final int SHARERS = 2; // it, and the thread that gives it tasks
  private static final String WORKSPACE = "WS_MEMORY_BRANCH";
  private static final WorkspaceConfiguration WORKING_MEMORY =
      WorkspaceConfiguration.builder()
          .initialSize(0)
          .policyLearning(LearningPolicy.FIRST_LOOP)
          .policySpill(SpillPolicy.REALLOCATE)
          .policyReset(ResetPolicy.BLOCK_LEFT)
          .build();

  private final ThreadPoolExecutor worker;
  private CompletableFuture<Void> task; // null: none, or one whose end was waited for

  BranchThread(String name) {
    worker =
        ShardWorkers.worker(
            name,
            IDLE_SECONDS,
            () -> Nd4j.getWorkspaceManager().destroyAllWorkspacesForCurrentThread());
  }

  /** Starts a task; that before must have been waited for. */
  void start(Runnable work) {
    task = CompletableFuture.runAsync(() -> run(work), worker);
  }

  @SuppressWarnings("try") // the workspace is left by closing what is not used
  private static void run(Runnable work) {
    ((KernelThread) Thread.currentThread()).shareWith(SHARERS);
    try (MemoryWorkspace workspace =
        Nd4j.getWorkspaceManager().getAndActivateWorkspace(WORKING_MEMORY, WORKSPACE)) {
      work.run();
    }
  }

  /** Whether a task was started whose end nobody has waited for. */
  boolean isBusy() {
    return task != null;
  }

  /** Waits for the task, also when interrupted, and throws what it threw. */
  void join() {
    CompletableFuture<Void> ending = task;
    task = null;
    try {
      ending.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw (RuntimeException) e.getCause(); // tasks declare no checked exception
    }
  }

  /** Waits for the task, if there is one, whose outcome nobody wants any more. */
  void abandon() {
    if (task != null) {
      task.handle((nothing, failure) -> null).join();
      task = null;
    }
  }
}

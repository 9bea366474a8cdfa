package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.RunState.Finished;
import io.github.dl4jmemory.zoo.RunState.Interrupted;
import java.io.IOException;
import java.util.Optional;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * The state of a run, which trainings that run side by side change one at a time. First the
 * network, then run.json that names it, then away with the file that it named before: at any moment
 * run.json names whole files.
 */
final class Ledger {
  private final RunFolder folder;
  private final WallTime time;
  private final double earlierSeconds;
  private final boolean done;
  private RunState state;

  Ledger(RunFolder folder, RunState state, WallTime time) {
    this.folder = folder;
    this.state = state;
    this.time = time;
    this.earlierSeconds = state.wallSeconds();
    this.done = state.open().isEmpty();
  }

  synchronized RunState state() {
    return state;
  }

  /** The network of an interrupted training. */
  ComputationGraph load(Interrupted interrupted) throws IOException {
    return MemoryTransformer.load(folder.file(interrupted.checkpoint()));
  }

  /** Keeps a training that was told to stop. */
  synchronized void interrupt(Trial trial, Progress progress, ComputationGraph network)
      throws IOException {
    int place = state.grid().trials().indexOf(trial);
    String name = "checkpoint-" + place + "-" + progress.step() + ".zip";
    MemoryTransformer.save(network, folder.file(name));
    write(trial, state.with(new Interrupted(trial, progress, name)));
  }

  /** Keeps the result of a training, and its network if it is the best of its model so far. */
  synchronized void finish(Finished finished, ComputationGraph network) throws IOException {
    RunState next = state.with(finished);
    if (next.best(finished.model()).filter(finished::equals).isPresent()) {
      MemoryTransformer.save(network, folder.file(finished.model() + ".zip"));
    }
    write(finished.trial(), next);
  }

  /** Writes the time that the run has taken until now. */
  synchronized RunState writeTime() throws IOException {
    state = timed(state);
    folder.write(state);
    return state;
  }

  private void write(Trial trial, RunState next) throws IOException {
    Optional<Interrupted> before = state.interrupted(trial);
    state = timed(next);
    folder.write(state);
    if (before.isPresent()) {
      folder.drop(before.get().checkpoint());
    }
  }

  /** A report of a finished run that is made anew adds nothing. */
  private RunState timed(RunState next) {
    return done ? next : next.withWallSeconds(earlierSeconds + time.seconds());
  }
}

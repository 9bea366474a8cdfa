package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * A training that may end at any moment and be begun again: every few minutes, and when it is told
 * to stop, it leaves its network and how far it is. First the network, then the file that names it,
 * then away with the network named before: a killed process leaves whole files.
 *
 * @param folder of the files
 * @param name of the training, unique in the folder
 * @param steps of the whole training
 */
record ResumableTraining(Path folder, String name, int steps) {
  private static final Duration BETWEEN_CHECKPOINTS = Duration.ofMinutes(5);

  /** How far a training is, and the file with its network. */
  record Checkpoint(Progress progress, String network) {}

  /** A network, and how far it is trained. */
  record Trained(ComputationGraph network, Progress progress) {}

  /**
   * Trains to the end, from the last checkpoint or a new network; or, when told to stop, to that.
   */
  Trained run(
      Supplier<ComputationGraph> fresh, TrainingData data, Display display, BooleanSupplier stop)
      throws IOException {
    Checkpoint last = Files.exists(file()) ? read() : null;
    ComputationGraph network =
        last == null ? fresh.get() : MemoryTransformer.load(folder.resolve(last.network()));
    Progress progress = last == null ? Progress.start() : last.progress();
    try (Display.Bar bar = display.bar(name, steps, progress.step())) {
      while (progress.step() < steps && !stop.getAsBoolean()) {
        long end = System.nanoTime() + BETWEEN_CHECKPOINTS.toNanos();
        BooleanSupplier pause = () -> stop.getAsBoolean() || System.nanoTime() > end;
        progress = new Trainer(data, steps, pause).train(network, progress, bar);
        keep(network, progress);
      }
    }
    return new Trained(network, progress);
  }

  private Path file() {
    return folder.resolve(name + ".checkpoint.json");
  }

  private Checkpoint read() throws IOException {
    return new ObjectMapper().readValue(Files.readAllBytes(file()), Checkpoint.class);
  }

  private void keep(ComputationGraph network, Progress progress) throws IOException {
    String next = name + "-step-" + progress.step() + ".zip";
    String before = Files.exists(file()) ? read().network() : next;
    MemoryTransformer.save(network, folder.resolve(next));
    byte[] json = new ObjectMapper().writeValueAsBytes(new Checkpoint(progress, next));
    AtomicFiles.write(file(), out -> out.write(json));
    if (!before.equals(next)) {
      Files.deleteIfExists(folder.resolve(before));
    }
  }

  /** Copies the network of the checkpoint. */
  void copyTo(Path copy) throws IOException {
    Path network = folder.resolve(read().network());
    AtomicFiles.write(copy, out -> Files.copy(network, out));
  }

  /** Away with the checkpoint, once the result is kept. */
  void forget() throws IOException {
    if (Files.exists(file())) {
      Path network = folder.resolve(read().network());
      Files.delete(file());
      Files.deleteIfExists(network);
    }
  }
}

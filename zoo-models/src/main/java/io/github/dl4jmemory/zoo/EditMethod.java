package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.AccessCounts;
import io.github.dl4jmemory.layers.EditJournal;
import io.github.dl4jmemory.layers.MemoryEditor;
import io.github.dl4jmemory.layers.RowChoice;
import java.util.Locale;
import java.util.function.IntFunction;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.MultiDataSet;

/**
 * A way to teach a trained network changed facts.
 *
 * @param name of the method; of all with one name the best setting counts
 * @param setting its learning rate and what else there is to choose
 */
record EditMethod(String name, String setting, Teacher teacher) {

  /** Teaches a copy of the trained network. */
  @FunctionalInterface
  private interface Teacher {
    Taught teach(int steps, IntFunction<MultiDataSet> batches);
  }

  /**
   * What became of the network.
   *
   * @param changedNumbers parameters that are not what they were
   */
  record Taught(ComputationGraph network, long changedNumbers) {}

  Taught teach(FactChange change, int steps) {
    TrainingData.Batches batches = change.batches();
    return teacher.teach(steps, step -> change.batch(batches.rows(step)));
  }

  static EditMethod editor(
      ComputationGraph trained, AccessCounts background, RowChoice choice, int rows, double rate) {
    return new EditMethod(
        "MemoryEditor",
        String.format(Locale.ROOT, "%s, %d rows, rate %s", choice, rows, Trial.rate(rate)),
        (steps, batches) -> {
          ComputationGraph network = trained.clone();
          MemoryEditor editor =
              MemoryEditor.builder(network, background)
                  .choice(choice)
                  .rows(rows)
                  .learningRate(rate)
                  .build();
          for (int step = 0; step < steps; step++) {
            editor.learn(batches.apply(step), "changed facts");
          }
          return new Taught(network, changed(editor.journal(), network));
        });
  }

  private static long changed(EditJournal journal, ComputationGraph network) {
    return journal.diff().stream()
        .mapToLong(row -> network.getLayer(row.layer()).getParam("V").size(1))
        .sum();
  }

  /** Adam on all parameters, with the warm-up and decay of the main job over the edit's steps. */
  static EditMethod fineTuning(
      String name, ComputationGraph trained, MemoryTransformer model, double rate) {
    return new EditMethod(
        name,
        "rate " + Trial.rate(rate),
        (steps, batches) -> {
          ComputationGraph network = model.init();
          network.setParams(trained.params());
          for (int step = 0; step < steps; step++) {
            network.fit(batches.apply(step));
          }
          return new Taught(
              network,
              network
                  .params()
                  .neq(trained.params())
                  .castTo(DataType.INT64)
                  .sumNumber()
                  .longValue());
        });
  }
}

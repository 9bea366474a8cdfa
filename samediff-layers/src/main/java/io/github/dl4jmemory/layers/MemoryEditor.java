package io.github.dl4jmemory.layers;

import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Teaches a trained network new facts by changing few rows of its memories' value tables, and keeps
 * a journal that takes the changes back.
 *
 * <pre>
 *   AccessCounts background = AccessCounts.of(network, usualText);   // once; save it
 *   MemoryEditor editor = MemoryEditor.builder(network, background).rows(100).build();
 *   for (...) {
 *     editor.learn(batch, "new facts of May");
 *   }
 *   editor.journal().save(file);
 * </pre>
 *
 * <p>One step, for every {@link ProductKeyMemory} and {@link MemoryPool} of the network:
 *
 * <pre>
 *   g     = gradient of the score of the batch with respect to the rows that it reads
 *   T     = the at most {@code rows} of them with the highest positive score ({@link RowChoice}),
 *           equal ones by slot number
 *   V[i] -= learningRate * g[i]     for i in T
 * </pre>
 *
 * <p>Nothing else of the network changes, bit for bit: no other row, no other parameter, no updater
 * state (not even Adam's moments of the rows in T), no iteration count. Its listeners are not
 * called, its score is what it was, and its stored state of rnnTimeStep too. Text that reads no row
 * of T gets the bits that it got before. The forward pass is that of training: dropout applies, and
 * draws from ND4J's random numbers; gradient views of parameters outside of the tables hold the
 * gradients of the batch, as after any backward pass. A table in a frozen layer (FrozenLayer) is
 * read and not changed.
 *
 * <p>Cost: forward and backward of the network, and sorting what the batch has read. No array of
 * the size of a table is made. Not safe for use by several threads, or while the network is used.
 *
 * <p>Source: Lin et al. 2025, Continual Learning via Sparse Memory Finetuning, arXiv 2510.15103:
 * SGD without momentum on the top rows of each batch.
 */
public final class MemoryEditor {

  private static final String OWNER = "MemoryEditor";

  private final ComputationGraph network;
  private final List<EditedTable> memories;
  private final List<RowSelection> selections;
  private final double learningRate;
  private final EditJournal journal = new EditJournal();

  private MemoryEditor(Builder builder) {
    network = builder.network;
    learningRate = builder.learningRate;
    memories = EditedTable.all(OWNER, network);
    selections = new ArrayList<>();
    for (EditedTable memory : memories) {
      AccessCounts.Table counts = builder.background.of(memory);
      selections.add(new RowSelection(counts, builder.choice, builder.rows));
    }
  }

  /**
   * Settings at their defaults.
   *
   * @param network an initialised graph; its memories are changed
   * @param background counts of this network
   * @return a new builder
   */
  public static Builder builder(ComputationGraph network, AccessCounts background) {
    return new Builder(network, background);
  }

  /**
   * One step on a batch.
   *
   * @param batch features and labels, with their masks, as for {@code network.fit}
   * @param tag names the edit in the journal; several steps may share one
   * @return the score of the batch before the change
   * @throws IllegalArgumentException if an argument is null, the gradient comes to no memory, or a
   *     row would become infinite or NaN; nothing is changed then
   */
  public double learn(MultiDataSet batch, String tag) {
    Require.that(batch != null, OWNER, "batch", "features and labels", "null", "pass a batch");
    Require.that(
        tag != null && !tag.isEmpty(), OWNER, "tag", "a name", tag, "name what the edit is about");
    List<GradientWatcher> watchers = new ArrayList<>();
    memories.forEach(memory -> watchers.add(new GradientWatcher(memory.values())));
    double score = backward(batch, watchers);
    Require.that(
        watchers.stream().anyMatch(GradientWatcher::reached),
        OWNER,
        "network",
        "a memory that the gradient of the loss comes to",
        "frozen layers only",
        "edit before freezing, or restore the network without");
    List<RowEdit> edits = new ArrayList<>();
    for (int i = 0; i < memories.size(); i++) {
      edits.add(RowEdit.of(memories.get(i), watchers.get(i), selections.get(i)));
    }
    apply(edits, tag);
    return score;
  }

  private void apply(List<RowEdit> edits, String tag) {
    edits.forEach(edit -> edit.descend(learningRate));
    if (!edits.stream().allMatch(RowEdit::isFinite)) {
      edits.forEach(RowEdit::takeBack);
      throw Require.refusal(
          OWNER, "batch", "rows that stay finite", "NaN or infinity", "use a lower learningRate");
    }
    edits.forEach(edit -> edit.recordIn(journal, tag));
  }

  /** Forward and backward of the network, which leave no trace in it but its gradient views. */
  private double backward(MultiDataSet batch, List<GradientWatcher> watchers) {
    List<TrainingListener> listeners = new ArrayList<>(network.getListeners());
    double before = network.score();
    try {
      network.setListeners(new ArrayList<>());
      for (int i = 0; i < watchers.size(); i++) {
        memories.get(i).watch(watchers.get(i));
      }
      network.setInputs(batch.getFeatures());
      network.setLabels(batch.getLabels());
      network.setLayerMaskArrays(batch.getFeaturesMaskArrays(), batch.getLabelsMaskArrays());
      network.computeGradientAndScore();
      return network.score();
    } finally {
      memories.forEach(memory -> memory.watch(null));
      network.clearLayersStates();
      network.clearLayerMaskArrays();
      network.clear();
      network.setListeners(listeners);
      network.setScore(before);
    }
  }

  /**
   * What this editor has changed.
   *
   * @return the journal, which grows with every step
   */
  public EditJournal journal() {
    return journal;
  }

  /** Settings of a {@link MemoryEditor}. */
  public static final class Builder {

    private final ComputationGraph network;
    private final AccessCounts background;
    private int rows = 500;
    private double learningRate = 1;
    private RowChoice choice = RowChoice.TF_IDF;

    private Builder(ComputationGraph network, AccessCounts background) {
      this.network = network;
      this.background = background;
    }

    /**
     * Rows that a step changes at most in each table; default 500, as in the source for facts.
     *
     * @param rows at least 1
     * @return this builder
     */
    public Builder rows(int rows) {
      this.rows = rows;
      return this;
    }

    /**
     * Learning rate; default 1. Rows are read with small weights and need far higher rates than
     * Adam: the source uses 2 and 5.
     *
     * @param learningRate positive
     * @return this builder
     */
    public Builder learningRate(double learningRate) {
      this.learningRate = learningRate;
      return this;
    }

    /**
     * How rows are scored; default {@link RowChoice#TF_IDF}.
     *
     * @param choice TF_IDF or KL
     * @return this builder
     */
    public Builder choice(RowChoice choice) {
      this.choice = choice;
      return this;
    }

    /**
     * Checks the settings and makes the editor.
     *
     * @return an editor with an empty journal
     * @throws IllegalArgumentException if a setting is null or out of range, the network has no
     *     memory or is trained by truncated backpropagation, or the counts are of another network
     */
    public MemoryEditor build() {
      Require.positive(rows, OWNER, "rows", "use rows(500)");
      Require.that(
          learningRate > 0 && learningRate < Double.POSITIVE_INFINITY,
          OWNER,
          "learningRate",
          "a positive number",
          learningRate,
          "use learningRate(1)");
      Require.that(choice != null, OWNER, "choice", "TF_IDF or KL", "null", "pass one");
      Require.that(
          background != null,
          OWNER,
          "background",
          "access counts",
          "null",
          "use AccessCounts.of(network, iterator)");
      EditedTable.all(OWNER, network);
      Require.that(
          network.getConfiguration().getBackpropType() == BackpropType.Standard,
          OWNER,
          "network",
          "BackpropType.Standard",
          network.getConfiguration().getBackpropType(),
          "edit with sequences that need no truncation");
      return new MemoryEditor(this);
    }
  }
}

package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** What a step of a {@link MemoryEditor} changes, and what not. */
class MemoryEditorTest {

  @ParameterizedTest
  @CsvSource({"FLOAT,true", "FLOAT,false", "DOUBLE,true", "DOUBLE,false"})
  void onlyChosenRowsChange(DataType type, boolean attached) {
    ComputationGraph network = Edits.trained(type, attached);
    ComputationGraph before = network.clone();
    int iterations = network.getIterationCount();
    Passes listener = new Passes();
    network.setListeners(listener);
    double score = network.score();
    INDArray gradients = network.getLayer("pool").getGradientsViewArray();
    double[] gradientsBefore = Elements.doubles(gradients);
    MemoryEditor editor = Edits.editor(network).build();
    editor.learn(Edits.batch(type, 30), "edit");
    AssertClose.same("gradient view of the table", gradientsBefore, gradients);
    Set<Long> changed = Edits.changed(Edits.values(before), Edits.values(network));
    assertEquals(7, changed.size());
    assertEquals(changed, slots(editor.journal()));
    Edits.values(network).assign(Edits.values(before));
    PoolGraphs.same("the rest", before, network);
    assertEquals(iterations, network.getIterationCount());
    assertEquals(score, network.score());
    assertEquals(0, listener.seen);
    assertTrue(network.getListeners().contains(listener));
  }

  private static final class Passes extends BaseTrainingListener {

    private int seen;

    @Override
    public void onForwardPass(Model model, Map<String, INDArray> activations) {
      seen++;
    }

    @Override
    public void onBackwardPass(Model model) {
      seen++;
    }
  }

  private static Set<Long> slots(EditJournal journal) {
    return journal.diff().stream().map(EditJournal.Difference::slot).collect(Collectors.toSet());
  }

  /** The next step of training takes nothing over from the edit but the rows. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void trainingGoesOnAsIfTheRowsHadBeenAssigned(boolean attached) {
    ComputationGraph network = Edits.trained(DataType.FLOAT, attached);
    ComputationGraph twin = network.clone();
    twin.getConfiguration().setIterationCount(3); // DL4J's clone begins at 0
    if (attached) {
      RowSparseTraining.attach(twin);
    }
    MemoryEditor editor = Edits.editor(network).build();
    editor.learn(Edits.batch(DataType.FLOAT, 30), "edit");
    editor.learn(Edits.batch(DataType.FLOAT, 31), "edit");
    Edits.values(twin).assign(Edits.values(network));
    for (int step = 0; step < 3; step++) {
      network.fit(PoolGraphs.batch(DataType.FLOAT, 40 + step));
      twin.fit(PoolGraphs.batch(DataType.FLOAT, 40 + step));
      PoolGraphs.same("step " + step, twin, network);
    }
  }

  /** With every row allowed: gradient descent by DL4J's own dense gradient of the whole table. */
  @Test
  void stepIsGradientDescent() {
    ComputationGraph network = Edits.trained(DataType.DOUBLE, false, new Sgd(1));
    MultiDataSet batch = Edits.batch(DataType.DOUBLE, 30);
    INDArray before = Edits.values(network).dup();
    ComputationGraph twin = network.clone();
    twin.setInputs(batch.getFeatures());
    twin.setLabels(batch.getLabels());
    twin.computeGradientAndScore();
    INDArray gradient = twin.gradient().getGradientFor("pool_V").div(13); // the minibatch
    AccessCounts background = Edits.background(network, DataType.DOUBLE);
    double score =
        MemoryEditor.builder(network, background)
            .rows(5000)
            .learningRate(0.5)
            .build()
            .learn(batch, "all rows that the background does not read all the time");
    assertEquals(twin.score(), score);
    INDArray expected = before.dup();
    for (long slot = 0; slot < before.size(0); slot++) {
      if (background.batchesThatRead("pool", slot) < background.batches()) {
        expected.getRow(slot).subi(gradient.getRow(slot).mul(0.5));
      }
    }
    assertTrue(Edits.changed(before, Edits.values(network)).size() > 20);
    AssertClose.close("V", expected, Edits.values(network), 1e-14);
  }

  @Test
  void repeatedStepsTeachTheBatch() {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    MultiDataSet batch = Edits.batch(DataType.FLOAT, 30);
    MemoryEditor editor = Edits.editor(network).rows(50).learningRate(2).build();
    double first = editor.learn(batch, "edit");
    for (int step = 0; step < 30; step++) {
      editor.learn(batch, "edit");
    }
    double last = editor.learn(batch, "edit");
    assertTrue(last < 0.9 * first, "score " + first + " at first, " + last + " at last");
  }

  /** Every example of other batches that reads no changed row; both readers count. */
  @ParameterizedTest
  @ValueSource(strings = {"TF_IDF", "KL"})
  void whatReadsNoChangedRowGetsTheSameBits(RowChoice choice) {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    ComputationGraph before = network.clone();
    MemoryEditor editor = Edits.editor(network).choice(choice).build();
    editor.learn(Edits.batch(DataType.FLOAT, 30), "edit");
    Set<Long> changed = slots(editor.journal());
    int same = 0;
    int others = 0;
    for (int row = 0; row < 13; row++) {
      MultiDataSet example = Edits.example(DataType.FLOAT, 30, row);
      INDArray was = before.outputSingle(example.getFeatures());
      INDArray is = network.outputSingle(example.getFeatures());
      if (Collections.disjoint(Edits.read(before, "pool", example), changed)) {
        AssertClose.same("output " + row, Elements.doubles(was), is);
        same++;
      } else {
        others += was.equals(is) ? 0 : 1;
      }
    }
    assertTrue(same > 0 && others > 0, same + " without a changed row, " + others + " with one");
  }

  @ParameterizedTest
  @ValueSource(strings = {"NWC", "NCW"})
  void maskedStepsAreNotLearned(RNNFormat format) {
    ComputationGraph network = sequences(format);
    ComputationGraph shorter = network.clone();
    INDArray x = Elements.uniform(new java.util.Random(5), DataType.FLOAT, 1, Networks.IN, 3);
    INDArray y = Elements.uniform(new java.util.Random(6), DataType.FLOAT, 1, Networks.OUT, 3);
    DataSet masked =
        new DataSet(of(x, 3, format), of(y, 3, format), Edits.row(1, 1, 0), Edits.row(1, 1, 0));
    DataSet cut = new DataSet(of(x, 2, format), of(y, 2, format));
    learn(network, masked.toMultiDataSet());
    learn(shorter, cut.toMultiDataSet());
    AssertClose.same("V", Elements.doubles(shorter.params()), network.params());
  }

  @Test
  void batchOfMaskedStepsChangesNothing() {
    ComputationGraph network = sequences(RNNFormat.NWC);
    double[] before = Elements.doubles(network.params());
    INDArray x = Elements.uniform(new java.util.Random(5), DataType.FLOAT, 1, 2, Networks.IN);
    INDArray y = Elements.uniform(new java.util.Random(6), DataType.FLOAT, 1, 2, Networks.OUT);
    DataSet masked = new DataSet(x, y, Edits.row(0, 0), Edits.row(0, 0));
    assertEquals(0, learn(network, masked.toMultiDataSet()).journal().diff().size());
    AssertClose.same("parameters", before, network.params());
  }

  private static MemoryEditor learn(ComputationGraph network, MultiDataSet batch) {
    MultiDataSet usual =
        new org.nd4j.linalg.dataset.MultiDataSet(
            new INDArray[] {batch.getFeatures(0).mul(-1)}, new INDArray[] {batch.getLabels(0)});
    AccessCounts background = AccessCounts.of(network, List.of(usual).iterator());
    MemoryEditor editor =
        MemoryEditor.builder(network, background).rows(5).learningRate(0.7).build();
    editor.learn(batch, "edit");
    return editor;
  }

  private static ComputationGraph sequences(RNNFormat format) {
    return Networks.sequenceGraph(
        Networks.memory().build(), format, DataType.FLOAT, new Adam(1e-2));
  }

  /** The first steps of [1, features, time] in a layout. */
  private static INDArray of(INDArray ncw, int steps, RNNFormat format) {
    INDArray part =
        ncw.get(
            org.nd4j.linalg.indexing.NDArrayIndex.all(),
            org.nd4j.linalg.indexing.NDArrayIndex.all(),
            org.nd4j.linalg.indexing.NDArrayIndex.interval(0, steps));
    return (format == RNNFormat.NWC ? part.permute(0, 2, 1) : part).dup('c');
  }

  /** Two tables in one network: each has its own choice of rows. */
  @Test
  void everyTableIsEdited() {
    ComputationGraph network =
        PoolGraphs.initialised(
            PoolGraphs.twoReaders(
                DataType.FLOAT, new Adam(1e-2), PoolGraphs.pool().subKeys(31), "pool2"));
    MemoryEditor editor = Edits.editor(network).build();
    editor.learn(Edits.batch(DataType.FLOAT, 30), "edit");
    long first = editor.journal().diff().stream().filter(d -> d.layer().equals("pool")).count();
    long second = editor.journal().diff().stream().filter(d -> d.layer().equals("pool2")).count();
    assertEquals(7, first);
    assertEquals(7, second);
  }

  /** A frozen table is read; the other is edited. */
  @Test
  void frozenTableStaysAsItIs() {
    ComputationGraph network =
        PoolGraphs.initialised(
            PoolGraphs.twoReaders(
                DataType.FLOAT, new Adam(1e-2), PoolGraphs.pool().subKeys(31), "pool2"));
    network.getVertex("pool").setLayerAsFrozen();
    MemoryEditor editor = Edits.editor(network).build();
    editor.learn(Edits.batch(DataType.FLOAT, 30), "edit");
    assertEquals(
        Set.of("pool2"),
        editor.journal().diff().stream()
            .map(EditJournal.Difference::layer)
            .collect(Collectors.toSet()));
  }

  @Test
  void refusesRowsThatDoNotStayFinite() {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    double[] before = Elements.doubles(network.params());
    MemoryEditor editor = Edits.editor(network).learningRate(3e38).build();
    MultiDataSet batch = Edits.batch(DataType.FLOAT, 30);
    batch.getLabels(0).muli(1e10);
    String text = refusal(() -> editor.learn(batch, "edit"));
    assertEquals(
        "[MemoryEditor] batch: expected rows that stay finite, got NaN or infinity. Fix: use a"
            + " lower learningRate.",
        text);
    AssertClose.same("parameters", before, network.params());
    assertTrue(editor.journal().diff().isEmpty());
  }

  @Test
  void refusesNetworksWhoseMemoriesAreFrozen() {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    network.getVertex("pool").setLayerAsFrozen();
    MemoryEditor editor = Edits.editor(network).build();
    assertEquals(
        "[MemoryEditor] network: expected a memory that the gradient of the loss comes to, got"
            + " frozen layers only. Fix: edit before freezing, or restore the network without.",
        refusal(() -> editor.learn(Edits.batch(DataType.FLOAT, 30), "edit")));
  }

  @Test
  void refusesBadSettings() {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    AccessCounts counts = Edits.background(network, DataType.FLOAT);
    assertEquals(
        "[MemoryEditor] rows: expected a positive number, got 0. Fix: use rows(500).",
        refusal(() -> MemoryEditor.builder(network, counts).rows(0).build()));
    for (double rate : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertEquals(
          "[MemoryEditor] learningRate: expected a positive number, got "
              + rate
              + ". Fix: use learningRate(1).",
          refusal(() -> MemoryEditor.builder(network, counts).learningRate(rate).build()));
    }
    assertEquals(
        "[MemoryEditor] choice: expected TF_IDF or KL, got null. Fix: pass one.",
        refusal(() -> MemoryEditor.builder(network, counts).choice(null).build()));
    assertEquals(
        "[MemoryEditor] background: expected access counts, got null. Fix: use"
            + " AccessCounts.of(network, iterator).",
        refusal(() -> MemoryEditor.builder(network, null).build()));
    assertEquals(
        "[MemoryEditor] network: expected a ComputationGraph, got null. Fix: pass one.",
        refusal(() -> MemoryEditor.builder(null, counts).build()));
  }

  @Test
  void refusesOtherNetworks() {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    AccessCounts counts = Edits.background(network, DataType.FLOAT);
    ComputationGraph smaller = PoolGraphs.forTraining();
    assertEquals(
        "[MemoryEditor] background: expected counts of pool with 121 slots, got 961 slots. Fix: use"
            + " AccessCounts.of(...) with this network.",
        refusal(() -> MemoryEditor.builder(smaller, counts).build()));
    ComputationGraph other = sequences(RNNFormat.NWC);
    assertEquals(
        "[MemoryEditor] background: expected counts of memory with 121 slots, got counts of"
            + " [pool]. Fix: use AccessCounts.of(...) with this network.",
        refusal(() -> MemoryEditor.builder(other, counts).build()));
    other.getConfiguration().setBackpropType(org.deeplearning4j.nn.conf.BackpropType.TruncatedBPTT);
    AccessCounts own = AccessCounts.of(other, List.of(sequence()).iterator());
    assertEquals(
        "[MemoryEditor] network: expected BackpropType.Standard, got TruncatedBPTT. Fix: edit with"
            + " sequences that need no truncation.",
        refusal(() -> MemoryEditor.builder(other, own).build()));
  }

  private static MultiDataSet sequence() {
    return new DataSet(
            Nd4j.ones(DataType.FLOAT, 1, 2, Networks.IN),
            Nd4j.ones(DataType.FLOAT, 1, 2, Networks.OUT))
        .toMultiDataSet();
  }

  @Test
  void refusesStepsWithoutBatchOrTag() {
    MemoryEditor editor = Edits.editor(Edits.trained(DataType.FLOAT, true)).build();
    assertEquals(
        "[MemoryEditor] batch: expected features and labels, got null. Fix: pass a batch.",
        refusal(() -> editor.learn(null, "edit")));
    for (String tag : new String[] {null, ""}) {
      assertEquals(
          "[MemoryEditor] tag: expected a name, got " + tag + ". Fix: name what the edit is about.",
          refusal(() -> editor.learn(Edits.batch(DataType.FLOAT, 30), tag)));
    }
    assertFalse(editor.journal().tags().contains("edit"));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}

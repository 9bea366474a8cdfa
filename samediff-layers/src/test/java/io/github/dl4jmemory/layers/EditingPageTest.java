package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/** The examples of docs/how-to/editing.md are this code, and they do what the page says. */
class EditingPageTest {

  @TempDir Path folder;

  @Test
  void editOfThePageIsLearnedAndTakenBack() throws IOException {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    double[] original = Elements.doubles(network.params());
    Iterator<MultiDataSet> usualData =
        List.of(Edits.batch(DataType.FLOAT, 20), Edits.batch(DataType.FLOAT, 21)).iterator();
    MultiDataSet newFacts = Edits.example(DataType.FLOAT, 30, 0);
    // page begin
    AccessCounts background = AccessCounts.of(network, usualData); // once for a network
    background.save(folder.resolve("background"));

    MemoryEditor editor =
        MemoryEditor.builder(network, background).rows(50).learningRate(2).build();
    for (int step = 0; step < 20; step++) {
      editor.learn(newFacts, "facts of May"); // score before the step
    }
    editor.journal().save(folder.resolve("edits"));
    // page end
    double before = restored(original).score(dataSet(newFacts));
    double after = network.score(dataSet(newFacts));
    assertTrue(after < 0.5 * before, "score " + before + " before, " + after + " after");
    // page begin
    EditJournal journal = EditJournal.load(folder.resolve("edits"));
    journal.diff().forEach(System.out::println); // layer, slot, how far the row went
    journal.undo(network, "facts of May"); // every bit is what it was
    // page end
    AssertClose.same("undone", original, network.params());
  }

  private static ComputationGraph restored(double[] params) {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    network.setParams(
        Nd4j.createFromArray(params).castTo(DataType.FLOAT).reshape(1, params.length));
    return network;
  }

  private static org.nd4j.linalg.dataset.DataSet dataSet(MultiDataSet data) {
    return new org.nd4j.linalg.dataset.DataSet(data.getFeatures(0), data.getLabels(0));
  }

  @Test
  void overlayOfThePageChangesOneAnswer() throws IOException {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    INDArray x = PoolGraphs.batch(DataType.FLOAT, 30).getFeatures();
    INDArray question = x.getRow(3, true);
    INDArray example = x.getRow(8, true);
    double[] before = Elements.doubles(network.outputSingle(question));
    // page begin
    KeyOverlay overlay = KeyOverlay.attach(network);
    INDArray key = overlay.lookups("memory1", question).queries().slice(0).slice(1); // head 1
    INDArray value = overlay.lookups("memory1", example).read().getRow(0);
    long id = overlay.insert("memory1", 1, key, value);
    overlay.save(folder.resolve("overlay")); // KeyOverlay.load(network, file) attaches it again
    // page end
    assertTrue(!Arrays.equals(before, Elements.doubles(network.outputSingle(question))));
    // page begin
    overlay.delete(id); // every output has the bits that it had before
    // page end
    AssertClose.same("deleted", before, network.outputSingle(question));
    assertEquals(1, KeyOverlay.load(network, folder.resolve("overlay")).size());
  }

  @Test
  void examplesStandOnThePage() throws IOException {
    PageExample.assertStandsOn("docs/how-to/editing.md", EditingPageTest.class);
  }
}

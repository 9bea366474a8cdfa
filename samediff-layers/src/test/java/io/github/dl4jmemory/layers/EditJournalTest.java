package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What a journal of edits takes back, makes again, says and keeps. */
class EditJournalTest {

  @TempDir Path folder;

  private static ComputationGraph network(DataType type) {
    return Edits.trained(type, true);
  }

  private static EditJournal edited(ComputationGraph network, int rows, String... tags) {
    MemoryEditor editor = Edits.editor(network).rows(rows).build();
    DataType type = network.getConfiguration().getDataType();
    for (int i = 0; i < tags.length; i++) {
      editor.learn(Edits.batch(type, 30 + i), tags[i]);
    }
    return editor.journal();
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE"})
  void undoRestoresTheBits(DataType type) {
    ComputationGraph network = network(type);
    network.getLayer("pool").getParam("V").muli(1e-30).getRow(0).assign(-0.0); // hard to restore
    ComputationGraph before = network.clone();
    EditJournal journal = edited(network, 400, "one", "two", "two", "one", "three");
    int changed = Edits.changed(Edits.values(before), Edits.values(network)).size();
    assertTrue(changed > 100, changed + " rows");
    assertEquals(changed, journal.undo(network));
    PoolGraphs.same("undone", before, network);
    assertTrue(journal.diff().isEmpty());
    assertEquals(0, journal.undo(network));
  }

  @Test
  void undoOfAnEditLeavesTheOthers() {
    ComputationGraph network = network(DataType.FLOAT);
    ComputationGraph twin = network.clone();
    EditJournal journal = edited(network, 5, "one", "two");
    assertEquals(List.of("one", "two"), journal.tags());
    edited(twin, 5, "one");
    journal.undo(network, "two");
    PoolGraphs.same("undone", twin, network);
    assertEquals(List.of("one"), journal.tags());
  }

  @Test
  void undoneEditsCanBeTaughtAgain() {
    ComputationGraph network = network(DataType.FLOAT);
    ComputationGraph before = network.clone();
    MemoryEditor editor = Edits.editor(network).build();
    editor.learn(Edits.batch(DataType.FLOAT, 30), "one");
    editor.journal().undo(network, "one");
    editor.learn(Edits.batch(DataType.FLOAT, 30), "one");
    editor.learn(Edits.batch(DataType.FLOAT, 30), "one");
    assertTrue(editor.journal().undo(network) > 0);
    PoolGraphs.same("undone", before, network);
  }

  /** Steps of a tag in a row make one change; another tag in between, two. */
  @Test
  void stepsOfATagAreOneChange() {
    ComputationGraph network = network(DataType.FLOAT);
    MemoryEditor editor = Edits.editor(network).build();
    INDArray before = Edits.values(network).dup();
    for (String tag : new String[] {"a", "a", "b"}) {
      editor.learn(Edits.batch(DataType.FLOAT, 30), tag);
    }
    List<EditJournal.Difference> diff = editor.journal().diff();
    Set<String> rows = new HashSet<>();
    diff.forEach(d -> assertTrue(rows.add(d.tag() + d.slot()), "twice: " + d));
    EditJournal.Difference last = diff.get(diff.size() - 1);
    assertEquals("b", last.tag());
    assertEquals("pool", last.layer());
    assertTrue(last.distance() > 0);
    EditJournal.Difference first = diff.get(0);
    assertEquals(before.getRow(first.slot()).norm2Number().doubleValue(), first.norm(), 1e-6);
  }

  @Test
  void diffMeasuresTheChange() {
    ComputationGraph network = network(DataType.DOUBLE);
    INDArray before = Edits.values(network).dup();
    EditJournal journal = edited(network, 7, "edit");
    assertEquals(7, journal.diff().size());
    for (EditJournal.Difference difference : journal.diff()) {
      INDArray step =
          Edits.values(network).getRow(difference.slot()).sub(before.getRow(difference.slot()));
      assertEquals(step.norm2Number().doubleValue(), difference.distance(), 1e-14);
    }
  }

  @Test
  void applyMakesTheSameBitsOnACopy() throws IOException {
    ComputationGraph network = network(DataType.FLOAT);
    ComputationGraph copy = network.clone();
    EditJournal journal = edited(network, 9, "one", "two", "one");
    journal.save(folder.resolve("journal"));
    EditJournal loaded = EditJournal.load(folder.resolve("journal"));
    assertEquals(journal.diff(), loaded.diff());
    assertTrue(loaded.apply(copy) > 0);
    PoolGraphs.same("applied", network, copy);
    loaded.undo(copy);
    assertTrue(loaded.diff().isEmpty());
  }

  @Test
  void mergedJournalsGiveBothEdits() {
    ComputationGraph base = network(DataType.FLOAT);
    ComputationGraph mine = base.clone();
    ComputationGraph yours = base.clone();
    EditJournal first = edited(mine, 2, "mine");
    MemoryEditor other = Edits.editor(yours).rows(2).build();
    other.learn(Edits.batch(DataType.FLOAT, 33), "yours");
    EditJournal both = first.merge(other.journal());
    assertEquals(List.of("mine", "yours"), both.tags());
    assertEquals(1, first.tags().size());
    both.apply(base);
    for (ComputationGraph one : new ComputationGraph[] {mine, yours}) {
      EditJournal journal = one == mine ? first : other.journal();
      for (EditJournal.Difference difference : journal.diff()) {
        AssertClose.same(
            "row " + difference.slot(),
            Elements.doubles(Edits.values(one).getRow(difference.slot())),
            Edits.values(base).getRow(difference.slot()));
      }
    }
  }

  @Test
  void mergeRefusesARowThatBothChange() {
    ComputationGraph network = network(DataType.FLOAT);
    EditJournal mine = edited(network.clone(), 2, "mine");
    EditJournal yours = edited(network.clone(), 2, "yours");
    long slot = yours.diff().get(0).slot();
    assertEquals(
        "[EditJournal] other: expected no change of a row that this journal changes, got slot "
            + slot
            + " of pool in yours and mine. Fix: undo one of the edits and teach it again on the"
            + " network of the other.",
        refusal(() -> mine.merge(yours)));
    assertEquals(
        "[EditJournal] other: expected a journal, got null. Fix: pass one.",
        refusal(() -> mine.merge(null)));
  }

  @Test
  void undoRefusesRowsThatWereChangedSince() {
    ComputationGraph network = network(DataType.FLOAT);
    EditJournal journal = edited(network, 7, "one", "two");
    long slot = journal.diff().get(3).slot();
    Edits.values(network).getRow(slot).addi(1);
    double[] now = Elements.doubles(network.params());
    String text =
        "[EditJournal] network: expected in slot "
            + slot
            + " of pool the numbers that edit one left or found there, got others. Fix: undo later"
            + " edits of this row first, or use the network that the journal belongs to.";
    assertEquals(text, refusal(() -> journal.undo(network, "one")));
    assertThrows(IllegalArgumentException.class, () -> journal.undo(network));
    assertThrows(IllegalArgumentException.class, () -> journal.apply(network));
    AssertClose.same("parameters", now, network.params());
    assertEquals(List.of("one", "two"), journal.tags());
  }

  @Test
  void undoRefusesAnEditUnderALaterOne() {
    ComputationGraph network = network(DataType.FLOAT);
    MemoryEditor editor = Edits.editor(network).build();
    editor.learn(Edits.batch(DataType.FLOAT, 30), "one");
    editor.learn(Edits.batch(DataType.FLOAT, 30), "two");
    assertThrows(IllegalArgumentException.class, () -> editor.journal().undo(network, "one"));
    editor.journal().undo(network, "two");
    editor.journal().undo(network, "one");
  }

  @Test
  void refusesUnknownTagsAndOtherNetworks() {
    EditJournal journal = edited(network(DataType.FLOAT), 2, "one");
    assertEquals(
        "[EditJournal] tag: expected one of [one], got two. Fix: name such an edit.",
        refusal(() -> journal.undo(network(DataType.FLOAT), "two")));
    assertEquals(
        "[EditJournal] network: expected pool with 961 slots of 3 FLOAT, got FLOAT array (shape"
            + " [121, 3]). Fix: use the network that the journal belongs to.",
        refusal(() -> journal.apply(PoolGraphs.forTraining())));
    assertEquals(
        "[EditJournal] network: expected pool with 961 slots of 3 FLOAT, got DOUBLE array (shape"
            + " [961, 3]). Fix: use the network that the journal belongs to.",
        refusal(() -> journal.apply(network(DataType.DOUBLE))));
  }

  @Test
  void savedDoubleNumbersKeepTheirBits() throws IOException {
    ComputationGraph network = network(DataType.DOUBLE);
    ComputationGraph before = network.clone();
    edited(network, 9, "one").save(folder.resolve("journal"));
    EditJournal.load(folder.resolve("journal")).undo(network);
    PoolGraphs.same("undone", before, network);
  }

  /** A file cut anywhere, or with any byte changed, is no journal. */
  @Test
  void refusesDamagedFiles() throws IOException {
    Path file = folder.resolve("journal");
    edited(network(DataType.FLOAT), 1, "one").save(file);
    byte[] whole = Files.readAllBytes(file);
    Path damaged = folder.resolve("damaged");
    for (int length = 0; length < whole.length; length++) {
      Files.write(damaged, Arrays.copyOf(whole, length));
      refusal(() -> EditJournal.load(damaged));
      byte[] changed = whole.clone();
      changed[length] ^= 4;
      Files.write(damaged, changed);
      refusal(() -> EditJournal.load(damaged));
    }
    Files.write(damaged, Arrays.copyOf(whole, whole.length - 9));
    assertEquals(
        "[EditJournal] "
            + damaged
            + ": expected a complete file with its checksum, got a truncated or changed one. Fix:"
            + " give a file that EditJournal saved.",
        refusal(() -> EditJournal.load(damaged)));
    Files.write(damaged, new byte[3]);
    assertEquals(
        "[EditJournal] "
            + damaged
            + ": expected a complete file, got 3 bytes. Fix: give a file that EditJournal saved.",
        refusal(() -> EditJournal.load(damaged)));
  }

  @Test
  void refusesOtherFiles() throws IOException {
    ComputationGraph network = network(DataType.FLOAT);
    Path file = folder.resolve("counts");
    Edits.background(network, DataType.FLOAT).save(file);
    assertEquals(
        "[EditJournal] "
            + file
            + ": expected a file that begins with DL4JMEDJ, got another file. Fix: give a file that"
            + " EditJournal saved.",
        refusal(() -> EditJournal.load(file)));
    edited(network, 1, "one").save(file);
    byte[] newer = Files.readAllBytes(file);
    newer[11] = 2;
    Files.write(file, newer);
    assertEquals(
        "[EditJournal] "
            + file
            + ": expected version 1, got version 2. Fix: give a file that EditJournal saved.",
        refusal(() -> EditJournal.load(file)));
    assertThrows(NoSuchFileException.class, () -> EditJournal.load(folder.resolve("none")));
  }

  /** A failed save leaves the old file, and nothing beside it. */
  @Test
  void saveReplacesTheFileAtOnce() throws IOException {
    ComputationGraph network = network(DataType.FLOAT);
    Path file = folder.resolve("journal");
    EditJournal journal = edited(network, 2, "one");
    journal.save(file);
    journal.save(file);
    assertEquals(2, EditJournal.load(file).diff().size());
    assertEquals(List.of("journal"), List.of(folder.toFile().list()));
    Path missing = folder.resolve("no folder").resolve("journal");
    assertThrows(NoSuchFileException.class, () -> journal.save(missing));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}

package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import io.github.dl4jmemory.testkit.Seeded;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;

/** What single keys beside the product keys do. */
@ExtendWith(Seeded.class)
class KeyOverlayTest {

  private static final int BATCH = 5;
  private static final int TIME = 3;

  @TempDir Path folder;

  private static ComputationGraph network(
      DataType type, RNNFormat format, boolean norm, boolean gate) {
    ComputationGraph network =
        Networks.sequenceGraph(
            Networks.memory().queryKeyNorm(norm).gate(gate).build(), format, type, new Adam(1e-2));
    if (norm) {
      INDArray gain = network.getLayer("memory").getParam("g");
      gain.assign(Nd4j.rand(gain.shape()).addi(0.5));
    }
    return network;
  }

  private static ComputationGraph network(DataType type) {
    return network(type, RNNFormat.NWC, true, true);
  }

  private static INDArray input(Random random, DataType type) {
    return Elements.uniform(random, type, BATCH, TIME, Networks.IN);
  }

  private static INDArray vector(Random random, long size, double scale) {
    return Elements.uniform(random, DataType.DOUBLE, size).muli(scale);
  }

  /** Any number of keys, below and above topK, against double loops over slots and keys. */
  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void equalsTheOracle(boolean norm, boolean gate, Random random) {
    ComputationGraph network = network(DataType.DOUBLE, RNNFormat.NWC, norm, gate);
    KeyOverlay overlay = KeyOverlay.attach(network);
    List<OverlayKeys.Entry> entries = new ArrayList<>();
    INDArray x = input(random, DataType.DOUBLE);
    double[] without = Elements.doubles(network.outputSingle(x));
    int moved = 0;
    for (int keys = 1; keys <= 17; keys++) {
      int head = random.nextInt(2);
      INDArray key =
          keys % 5 > 0
              ? vector(random, 6, norm ? 1 : 3)
              : overlay.lookups("memory", x).queries().slice(keys % 15).slice(head);
      INDArray value = vector(random, 7, 1);
      overlay.insert("memory", head, key, value);
      entries.add(new OverlayKeys.Entry(head, Elements.doubles(key), Elements.doubles(value)));
      equalsTheOracle(network, x, entries);
      moved += Arrays.equals(without, Elements.doubles(network.outputSingle(x))) ? 0 : 1;
    }
    assertTrue(moved > 0, moved + " of 17");
    assertEquals(17, overlay.size());
  }

  private static void equalsTheOracle(
      ComputationGraph network, INDArray x, List<OverlayKeys.Entry> entries) {
    Layer layer = network.getLayer("memory");
    INDArray out = layer.activate(x, false, LayerWorkspaceMgr.noWorkspaces());
    ProductKeyMemory conf = (ProductKeyMemory) layer.conf().getLayer();
    for (int b = 0; b < BATCH; b++) {
      for (int t = 0; t < TIME; t++) {
        double[] token = x.get(NDArrayIndex.point(b), NDArrayIndex.point(t)).toDoubleVector();
        AssertClose.close(
            entries.size() + " keys, token " + b + ", " + t,
            ProductKeyMemoryOracle.token(conf, layer.paramTable(), token, entries),
            out.get(NDArrayIndex.point(b), NDArrayIndex.point(t)),
            1e-12);
      }
    }
  }

  /** Every slot has its double in the overlay: the best, its double, and the second best stay. */
  @Test
  void keysOfTwoSubKeysStandBesideTheirSlots(Random random) {
    ComputationGraph network = network(DataType.DOUBLE);
    INDArray subKeys = network.getLayer("memory").getParam("K");
    INDArray x = input(random, DataType.DOUBLE);
    KeyOverlay overlay = KeyOverlay.attach(network);
    INDArray without = overlay.lookups("memory", x).read();
    List<OverlayKeys.Entry> entries = new ArrayList<>();
    for (int slot = 0; slot < 121; slot++) {
      INDArray key = Nd4j.concat(0, subKey(subKeys, 0, slot / 11), subKey(subKeys, 1, slot % 11));
      INDArray value = network.getLayer("memory").getParam("V").getRow(slot);
      overlay.insert("memory", 0, key, value);
      entries.add(new OverlayKeys.Entry(0, Elements.doubles(key), Elements.doubles(value)));
    }
    equalsTheOracle(network, x, entries);
    assertNotEquals(without, overlay.lookups("memory", x).read());
  }

  private static INDArray subKey(INDArray subKeys, int side, int i) {
    return subKeys.get(
        NDArrayIndex.point(0), NDArrayIndex.point(side), NDArrayIndex.point(i), NDArrayIndex.all());
  }

  /** Tokens that choose the key change; the others of the same batch keep their bits. */
  @ParameterizedTest
  @CsvSource({"FLOAT", "DOUBLE"})
  void onlyWhatChoosesTheKeyChanges(DataType type, Random random) {
    ComputationGraph network = network(type);
    INDArray x = input(random, type);
    double[] params = Elements.doubles(network.params());
    INDArray before = network.outputSingle(x).dup();
    KeyOverlay overlay = KeyOverlay.attach(network);
    AssertClose.same("no key", Elements.doubles(before), network.outputSingle(x));
    INDArray query = overlay.lookups("memory", x).queries().get(NDArrayIndex.point(7)).getRow(1);
    INDArray value = vector(random, 7, 2);
    long id = overlay.insert("memory", 1, query, value);
    INDArray out = network.outputSingle(x);
    int changed = 0;
    for (int token = 0; token < BATCH * TIME; token++) {
      INDArray was = before.reshape('c', BATCH * TIME, Networks.OUT).getRow(token);
      INDArray is = out.reshape('c', BATCH * TIME, Networks.OUT).getRow(token);
      boolean same = Arrays.equals(Elements.doubles(was), Elements.doubles(is));
      changed += same ? 0 : 1;
      assertTrue(token != 7 || !same, "the token that the key was made for");
    }
    assertTrue(changed < BATCH * TIME, changed + " tokens changed");
    overlay.delete(id);
    AssertClose.same("deleted", Elements.doubles(before), network.outputSingle(x));
    AssertClose.same("parameters", params, network.params());
  }

  @Test
  void updateIsDeleteAndInsert(Random random) {
    ComputationGraph network = network(DataType.FLOAT);
    INDArray x = input(random, DataType.FLOAT);
    KeyOverlay overlay = KeyOverlay.attach(network);
    INDArray query = overlay.lookups("memory", x).queries().get(NDArrayIndex.point(7)).getRow(1);
    INDArray other = overlay.lookups("memory", x).queries().get(NDArrayIndex.point(3)).getRow(1);
    long id = overlay.insert("memory", 1, query, vector(random, 7, 2));
    INDArray value = vector(random, 7, 2);
    overlay.update(id, other, value);
    double[] updated = Elements.doubles(network.outputSingle(x));
    overlay.delete(id);
    long second = overlay.insert("memory", 1, other, value);
    assertNotEquals(id, second);
    AssertClose.same("updated", updated, network.outputSingle(x));
  }

  @Test
  void detachedOverlayIsNotSeen(Random random) {
    ComputationGraph network = network(DataType.FLOAT);
    INDArray x = input(random, DataType.FLOAT);
    double[] before = Elements.doubles(network.outputSingle(x));
    KeyOverlay overlay = filled(network, x, random);
    assertTrue(!Arrays.equals(before, Elements.doubles(network.outputSingle(x))));
    overlay.detach();
    AssertClose.same("detached", before, network.outputSingle(x));
    network.fit(new org.nd4j.linalg.dataset.DataSet(x, Nd4j.zeros(BATCH, TIME, Networks.OUT)));
  }

  /** A key for the first head of every token. */
  private static KeyOverlay filled(ComputationGraph network, INDArray x, Random random) {
    KeyOverlay overlay = KeyOverlay.attach(network);
    INDArray queries = overlay.lookups("memory", x).queries();
    for (int token = 0; token < queries.size(0); token++) {
      INDArray query = queries.get(NDArrayIndex.point(token)).getRow(0);
      overlay.insert("memory", 0, query, vector(random, 7, 1));
    }
    return overlay;
  }

  @ParameterizedTest
  @CsvSource({"NWC", "NCW"})
  void maskedStepsStayZero(RNNFormat format, Random random) {
    ComputationGraph network = network(DataType.FLOAT, format, true, true);
    boolean last = format == RNNFormat.NWC;
    INDArray tokens = input(random, DataType.FLOAT);
    INDArray x = last ? tokens : tokens.permute(0, 2, 1).dup('c');
    filled(network, x, random);
    INDArray whole = network.output(false, x)[0].dup();
    INDArray mask = Nd4j.ones(DataType.FLOAT, BATCH, TIME);
    mask.putScalar(new int[] {2, 1}, 0);
    INDArray masked = network.output(false, new INDArray[] {x}, new INDArray[] {mask})[0];
    network.clearLayerMaskArrays();
    INDArray a = last ? whole : whole.permute(0, 2, 1);
    INDArray b = last ? masked : masked.permute(0, 2, 1);
    for (int t = 0; t < TIME; t++) {
      AssertClose.same(
          "the example before, step " + t,
          Elements.doubles(a.get(NDArrayIndex.point(1), NDArrayIndex.point(t))),
          b.get(NDArrayIndex.point(1), NDArrayIndex.point(t)));
    }
    assertNotEquals(
        a.get(NDArrayIndex.point(2), NDArrayIndex.point(1)).dup(),
        b.get(NDArrayIndex.point(2), NDArrayIndex.point(1)).dup());
  }

  /** rnnTimeStep, by which text is generated, step by step as output does all at once. */
  @Test
  void stepByStepUsesTheKeys(Random random) {
    ComputationGraph network = network(DataType.DOUBLE);
    INDArray x = input(random, DataType.DOUBLE);
    double[] before = Elements.doubles(network.outputSingle(x));
    filled(network, x, random);
    INDArray whole = network.outputSingle(x).dup();
    assertTrue(!Arrays.equals(before, Elements.doubles(whole)));
    for (int t = 0; t < TIME; t++) {
      INDArray step =
          x.get(NDArrayIndex.all(), NDArrayIndex.interval(t, t + 1), NDArrayIndex.all()).dup('c');
      AssertClose.close(
          "step " + t,
          Elements.doubles(
              whole.get(NDArrayIndex.all(), NDArrayIndex.interval(t, t + 1), NDArrayIndex.all())),
          network.rnnTimeStep(step)[0],
          1e-12);
    }
  }

  @Test
  void readersOfAPoolHaveKeysOfTheirOwn(Random random) {
    ComputationGraph network = Edits.trained(DataType.FLOAT, true);
    INDArray x = PoolGraphs.batch(DataType.FLOAT, 30).getFeatures();
    double[] before = Elements.doubles(network.outputSingle(x));
    KeyOverlay overlay = KeyOverlay.attach(network);
    INDArray first = overlay.lookups("memory1", x).read();
    INDArray second = overlay.lookups("memory2", x).queries();
    assertEquals(10, second.size(2));
    long id = overlay.insert("memory2", 0, second.get(NDArrayIndex.point(4)).getRow(0), row(3));
    AssertClose.same(
        "the other reader", Elements.doubles(first), overlay.lookups("memory1", x).read());
    assertTrue(!Arrays.equals(before, Elements.doubles(network.outputSingle(x))));
    overlay.delete(id);
    AssertClose.same("deleted", before, network.outputSingle(x));
  }

  private static INDArray row(int size) {
    return Nd4j.ones(DataType.FLOAT, size);
  }

  @Test
  void savedKeysWorkInARestoredNetwork(Random random) throws IOException {
    ComputationGraph network = network(DataType.FLOAT);
    INDArray x = input(random, DataType.FLOAT);
    KeyOverlay overlay = filled(network, x, random);
    overlay.delete(14);
    double[] expected = Elements.doubles(network.outputSingle(x));
    network.save(folder.resolve("network.zip").toFile());
    overlay.save(folder.resolve("overlay"));
    ComputationGraph restored =
        ModelSerializer.restoreComputationGraph(folder.resolve("network.zip").toFile());
    assertTrue(!Arrays.equals(expected, Elements.doubles(restored.outputSingle(x))), "without");
    KeyOverlay loaded = KeyOverlay.load(restored, folder.resolve("overlay"));
    AssertClose.same("loaded", expected, restored.outputSingle(x));
    assertEquals(14, loaded.size());
    assertEquals(15, loaded.insert("memory", 0, vector(random, 6, 1), vector(random, 7, 1)));
    for (int id = 0; id < 14; id++) {
      loaded.delete(id);
    }
  }

  @Test
  void refusesTheFileOfAnotherNetwork(Random random) throws IOException {
    ComputationGraph network = network(DataType.FLOAT);
    filled(network, input(random, DataType.FLOAT), random).save(folder.resolve("overlay"));
    ComputationGraph other = network(DataType.FLOAT);
    other.getLayer("memory").getParam("K").addi(1e-3);
    assertEquals(
        "[KeyOverlay] network: expected memory with the sub-keys that the overlay was saved for,"
            + " got others. Fix: load it with the network that it belongs to.",
        refusal(() -> KeyOverlay.load(other, folder.resolve("overlay"))));
    assertEquals(
        "[KeyOverlay] network: expected memory with the sub-keys that the overlay was saved for,"
            + " got layers [memory1, memory2]. Fix: load it with the network that it belongs to.",
        refusal(() -> KeyOverlay.load(PoolGraphs.forTraining(), folder.resolve("overlay"))));
    byte[] whole = Files.readAllBytes(folder.resolve("overlay"));
    Files.write(folder.resolve("overlay"), Arrays.copyOf(whole, whole.length / 2));
    refusal(() -> KeyOverlay.load(network, folder.resolve("overlay")));
  }

  @Test
  void refusesTrainingAndEditing(Random random) {
    ComputationGraph network = network(DataType.FLOAT);
    INDArray x = input(random, DataType.FLOAT);
    org.nd4j.linalg.dataset.DataSet batch =
        new org.nd4j.linalg.dataset.DataSet(x, Nd4j.zeros(BATCH, TIME, Networks.OUT));
    AccessCounts counts = AccessCounts.of(network, List.of(batch.toMultiDataSet()).iterator());
    MemoryEditor editor = MemoryEditor.builder(network, counts).build();
    KeyOverlay overlay = filled(network, x, random);
    double[] params = Elements.doubles(network.params());
    String text =
        "[ProductKeyMemory memory] overlay: expected a forward pass of inference, got one of"
            + " training, which knows no gradient of the overlay's keys. Fix: detach() the overlay,"
            + " or delete its keys, before training or MemoryEditor.learn.";
    assertEquals(
        text, assertThrows(IllegalStateException.class, () -> network.fit(batch)).getMessage());
    assertEquals(
        text,
        assertThrows(
                IllegalStateException.class, () -> editor.learn(batch.toMultiDataSet(), "edit"))
            .getMessage());
    AssertClose.same("parameters", params, network.params());
    overlay.detach();
    network.fit(batch);
  }

  @Test
  void refusesBadKeys(Random random) {
    KeyOverlay overlay = KeyOverlay.attach(network(DataType.FLOAT));
    INDArray key = vector(random, 6, 1);
    INDArray value = vector(random, 7, 1);
    assertEquals(
        "[KeyOverlay] layer: expected one of [memory], got out. Fix: name such a layer.",
        refusal(() -> overlay.insert("out", 0, key, value)));
    for (int head : new int[] {-1, 2}) {
      assertEquals(
          "[KeyOverlay] head: expected 0 to 1, got " + head + ". Fix: name a head of memory.",
          refusal(() -> overlay.insert("memory", head, key, value)));
    }
    assertEquals(
        "[KeyOverlay] key: expected keySize = 6 numbers, got DOUBLE array (shape [7]). Fix: pass"
            + " one vector.",
        refusal(() -> overlay.insert("memory", 0, value, value)));
    assertEquals(
        "[KeyOverlay] value: expected valueSize = 7 numbers, got null. Fix: pass one vector.",
        refusal(() -> overlay.insert("memory", 0, key, null)));
    assertEquals(
        "[KeyOverlay] value: expected finite numbers, got [NaN, NaN, NaN, NaN, NaN, NaN, NaN]. Fix:"
            + " leave NaN and infinity out.",
        refusal(
            () -> overlay.insert("memory", 0, key, Nd4j.valueArrayOf(new long[] {7}, Double.NaN))));
    long id = overlay.insert("memory", 0, key, value);
    overlay.delete(id);
    String text =
        "[KeyOverlay] id: expected the id of a key, got 0, which is none. Fix: use that of insert.";
    assertEquals(text, refusal(() -> overlay.delete(id)));
    assertEquals(text, refusal(() -> overlay.update(id, key, value)));
    assertEquals(0, overlay.size());
  }

  @Test
  void refusesNetworksWithoutMemory() {
    ComputationGraph dense = Decoders.tiny().graph(DataType.FLOAT, new Adam(1e-2));
    assertEquals(
        "[KeyOverlay] network: expected a network with a ProductKeyMemory or a PooledMemory, got"
            + " one without. Fix: attach to networks that have a memory.",
        refusal(() -> KeyOverlay.attach(dense)));
    assertEquals(
        "[KeyOverlay] network: expected a ComputationGraph, got null. Fix: pass one.",
        refusal(() -> KeyOverlay.attach(null)));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}

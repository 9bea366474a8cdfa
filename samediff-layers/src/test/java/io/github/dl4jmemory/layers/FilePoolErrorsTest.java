package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.AssertClose;
import io.github.dl4jmemory.testkit.Elements;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.UUID;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Sgd;

/** A model whose pool file is not the one it was saved with is not restored; nothing changes. */
class FilePoolErrorsTest {

  private static final String ANOTHER =
      ". Fix: put the file that was saved with this model in its place.";

  @TempDir Path folder;

  private Path pool;
  private Path zip;
  private INDArray saved;
  private String checkpoint;
  private UUID id;
  private ComputationGraph open;

  @BeforeEach
  void save() throws IOException {
    pool = folder.resolve("facts.pool");
    zip = folder.resolve("model.zip");
    ComputationGraph graph = FilePools.graph(FilePools.pool(pool, new Sgd(0.7)));
    FilePools.train(graph, 0, 2);
    PoolFiles.save(graph, zip);
    checkpoint = FilePools.table(graph).file().fingerprint().stamp().checkpoint();
    id = FilePools.table(graph).file().fingerprint().stamp().file();
    saved = FilePools.values(graph);
    PoolFiles.close(graph);
  }

  @AfterEach
  void theSavedModelIsAsItWas() throws IOException {
    if (open != null) {
      PoolFiles.close(open);
    }
    ComputationGraph graph = PoolFiles.restore(zip);
    AssertClose.same("rows", Elements.doubles(saved), FilePools.values(graph));
    PoolFiles.close(graph);
  }

  private static String says(Executable action, String message) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, action);
    assertEquals("[MemoryPool pool] " + message, e.getMessage());
    return e.getMessage();
  }

  private void restoreSays(String message) {
    says(() -> PoolFiles.restore(zip), message);
  }

  @Test
  void missing() throws IOException {
    Path elsewhere = Files.move(pool, folder.resolve("elsewhere"));
    restoreSays(
        "file: expected the pool file, got no file "
            + pool
            + ". Fix: put the file there, or PoolFiles.restore(zip, folder) with the folder where"
            + " it is.");
    Files.move(elsewhere, pool);
  }

  private interface Damage {
    void to(RandomAccessFile file) throws IOException;
  }

  private void damaged(Damage damage, String message) throws IOException {
    Path kept = Files.copy(pool, folder.resolve("kept"));
    try (RandomAccessFile file = new RandomAccessFile(pool.toFile(), "rw")) {
      damage.to(file);
    }
    restoreSays(message);
    Files.move(kept, pool, StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void notWhole() throws IOException {
    long length = Files.size(pool);
    String expected = "file facts.pool: expected " + length + " bytes, got ";
    String end = ": the file is not whole. Fix: copy the file again.";
    damaged(file -> file.setLength(length - 1), expected + (length - 1) + end);
    damaged(file -> file.setLength(length + 1), expected + (length + 1) + end);
    damaged(
        file -> file.setLength(10),
        "file: expected a pool file, got another or a cut-off file" + ANOTHER);
    damaged(
        file -> file.setLength(0),
        "file: expected a pool file, got another or a cut-off file" + ANOTHER);
  }

  @Test
  void damagedHeader() throws IOException {
    damaged(
        file -> file.write(7),
        "file: expected a pool file, got another or a cut-off file" + ANOTHER);
    damaged(
        file -> {
          file.seek(11);
          file.write(2);
        },
        "file: expected version 1 of the format, got 2" + ANOTHER);
    damaged(
        file -> {
          file.seek(40);
          int one = file.read();
          file.seek(40);
          file.write(one ^ 1);
        },
        "file: expected an intact header, got another checksum" + ANOTHER);
  }

  private void replacedBy(MemoryPool.Builder other, String... messageAroundItsId)
      throws IOException {
    Path kept = Files.move(pool, folder.resolve("kept"));
    Path journal = PoolClaim.journalOf(pool);
    Files.move(journal, folder.resolve("kept journal"));
    ComputationGraph graph = FilePools.graph(other.file(pool.toString()));
    FilePools.train(graph, 0, 1);
    String itsId = FilePools.table(graph).file().fingerprint().stamp().file().toString();
    PoolFiles.close(graph);
    restoreSays(String.join(itsId, messageAroundItsId));
    Files.move(kept, pool, StandardCopyOption.REPLACE_EXISTING);
    Files.move(folder.resolve("kept journal"), journal, StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void anotherPool() throws IOException {
    replacedBy(
        PoolGraphs.pool().valuesUpdater(new Sgd(0.7)),
        "file facts.pool: expected file " + id + ", which the model was trained with, got file ",
        ANOTHER);
  }

  @Test
  void anotherSizeOrStorageOrUpdater() throws IOException {
    String expected =
        "file facts.pool: expected 121 rows of 3 values, FLOAT32, without moments, as the model"
            + " is configured, got ";
    String fix = ". Fix: restore the model that the file was saved with.";
    replacedBy(
        PoolGraphs.pool().valueSize(5).valuesUpdater(new Sgd(0.7)),
        expected + "121 rows of 5 values, FLOAT32, without moments" + fix);
    replacedBy(
        PoolGraphs.pool().storage(ValueStorage.INT8).valuesUpdater(new Sgd(0.7)),
        expected + "121 rows of 3 values, INT8, without moments" + fix);
    replacedBy(
        PoolGraphs.pool(), expected + "121 rows of 3 values, FLOAT32, with Adam's moments" + fix);
  }

  @Test
  void anotherCheckpoint() throws IOException {
    Path old = Files.copy(zip, folder.resolve("old.zip"));
    ComputationGraph graph = PoolFiles.restore(zip);
    FilePools.train(graph, 2, 3);
    PoolFiles.save(graph, zip);
    saved = FilePools.values(graph);
    String now = FilePools.table(graph).file().fingerprint().stamp().checkpoint();
    PoolFiles.close(graph);
    says(
        () -> PoolFiles.restore(old),
        "file facts.pool: expected "
            + checkpoint
            + ", which the model was saved at, got "
            + now
            + ". Fix: restore the model that PoolFiles.save wrote last, or put a copy of this"
            + " model's file there.");
  }

  /** ModelSerializer alone: good while nothing else has happened to the file, and clear after. */
  @Test
  void writtenWithoutSaving() throws IOException {
    Path plain = folder.resolve("plain.zip");
    ComputationGraph graph = PoolFiles.restore(zip);
    ModelSerializer.writeModel(graph, plain.toFile(), true);
    PoolFiles.close(graph);
    graph = PoolFiles.restore(plain);
    FilePools.train(graph, 2, 4);
    ModelSerializer.writeModel(graph, plain.toFile(), true);
    INDArray rows = FilePools.values(graph);
    PoolFiles.close(graph);
    graph = PoolFiles.restore(plain);
    AssertClose.same("rows", Elements.doubles(rows), FilePools.values(graph));
    FilePools.train(graph, 4, 5);
    PoolFiles.close(graph);
    says(
        () -> PoolFiles.restore(plain),
        "file facts.pool: expected "
            + checkpoint
            + " and 2 steps, where the model was written without PoolFiles.save, got "
            + checkpoint
            + " and 3 steps. Fix: restore the model that PoolFiles.save wrote at "
            + checkpoint
            + "; nothing was changed.");
  }

  @Test
  void withoutItsJournal() throws IOException {
    ComputationGraph graph = PoolFiles.restore(zip);
    FilePools.train(graph, 2, 4);
    PoolFiles.close(graph);
    Path journal = PoolClaim.journalOf(pool);
    Path kept = Files.move(journal, folder.resolve("kept"));
    String expected =
        "file facts.pool: expected the journal of "
            + checkpoint
            + ", with the rows that have changed since, got ";
    String fix =
        ". Fix: put the journal back beside the file; without it restore a copy of model and file.";
    restoreSays(expected + "none" + fix);
    ComputationGraph other = FilePools.graph(FilePools.pool(folder.resolve("o"), new Sgd(0.7)));
    FilePools.train(other, 0, 1);
    String others = FilePools.table(other).file().fingerprint().stamp().checkpoint();
    PoolFiles.close(other);
    Files.copy(
        PoolClaim.journalOf(folder.resolve("o")), journal, StandardCopyOption.REPLACE_EXISTING);
    restoreSays(expected + "that of " + others + fix);
    Files.move(kept, journal, StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void inUse() throws IOException {
    open = PoolFiles.restore(zip);
    String message =
        "file: expected a pool file that no other network uses, got "
            + pool.toRealPath()
            + ", open in another layer or network of this JVM. Fix: PoolFiles.save(network, zip) and"
            + " PoolFiles.close(network) there; for a second network, PoolFiles.saveCopy(network,"
            + " zip) and restore the copy.";
    restoreSays(message);
    says(() -> open.clone(), message);
    FilePools.train(open, 2, 3);
  }

  @Test
  void closed() throws IOException {
    ComputationGraph graph = PoolFiles.restore(zip);
    PoolFiles.close(graph);
    PoolFiles.close(graph);
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> FilePools.train(graph, 0, 1));
    assertEquals(
        "[MemoryPool pool] file: expected an open pool file, got "
            + pool
            + ", closed by PoolFiles.close. Fix: restore the model.",
        e.getMessage());
    assertThrows(IllegalStateException.class, () -> PoolFiles.save(graph, zip));
  }

  @Test
  void aNewPoolOverAFile() {
    ComputationGraph graph = FilePools.graph(FilePools.pool(pool, new Sgd(0.7)));
    says(
        () -> FilePools.train(graph, 0, 1),
        "file: expected no file yet for a table that is new, got "
            + pool
            + ", which exists. Fix: restore the model that the file belongs to; for a new table"
            + " name another file, or delete this one.");
  }

  @Test
  void noFolder() {
    Path file = folder.resolve("nowhere").resolve("p");
    ComputationGraph graph = FilePools.graph(FilePools.pool(file, new Sgd(0.7)));
    says(
        () -> FilePools.train(graph, 0, 1),
        "file: expected a file in a folder that exists, got " + file + ". Fix: create the folder.");
  }

  @Test
  void noRoom() {
    PoolLayout layout = new PoolLayout(1L << 32, 1 << 20, ValueStorage.FLOAT32, false);
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                PoolFile.create(
                    "pool",
                    folder.resolve("p"),
                    layout,
                    new NewPool(layout, 1, 7),
                    RowWindow.BYTES));
    assertTrue(
        e.getMessage()
            .matches(
                "\\[pool\\] file: expected room for 18014398509486080 bytes, got \\d+ bytes at "
                    + folder
                    + "\\. Fix: free space, or use fewer slots, or another storage\\."),
        e.getMessage());
  }

  @Test
  void parametersOfAnotherModel() throws IOException {
    open = PoolFiles.restore(zip);
    INDArray own = open.getLayer("pool").params().dup();
    INDArray zeros = own.mul(0);
    String fix =
        ". Fix: leave this parameter as it is, and restore a model by" + " PoolFiles.restore.";
    String expected = "F: expected the fingerprint of the open file, " + checkpoint + ", got none";
    says(() -> open.getLayer("pool").setParams(zeros), expected + fix);
    says(() -> open.getLayer("pool").setParam("F", zeros.reshape(1, 20)), expected + fix);
    FilePools.train(open, 2, 3); // the fingerprint was put back
    INDArray all = open.params().dup();
    open.setParams(all.mul(0));
    assertThrows(IllegalArgumentException.class, () -> FilePools.train(open, 3, 4));
    open.setParams(all.putScalar(0, Double.NaN));
    says(
        () -> FilePools.train(open, 3, 4),
        "F: expected the fingerprint of a pool file, which nothing but the table changes, got NaN."
            + " Fix: restore the network, and keep constraints and listeners from this"
            + " parameter.");
  }
}

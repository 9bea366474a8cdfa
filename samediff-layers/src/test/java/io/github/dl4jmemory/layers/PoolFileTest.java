package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.Elements;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The states in which a process that dies leaves a pool file, made by hand. */
class PoolFileTest {

  private static final PoolLayout LAYOUT = new PoolLayout(37, 5, ValueStorage.INT8, true);

  @TempDir Path folder;

  private PoolFile create() throws IOException {
    return PoolFile.create(
        "pool", path(), LAYOUT, new NewPool(LAYOUT, 1 / Math.sqrt(5), 7), RowWindow.BYTES);
  }

  private Path path() {
    return folder.resolve("p");
  }

  private PoolFile open(PoolFingerprint wanted) throws IOException {
    return PoolFile.open("pool", path(), LAYOUT, wanted, RowWindow.BYTES);
  }

  /** All bytes but the header. */
  private byte[] rows() throws IOException {
    byte[] all = Files.readAllBytes(path());
    return Arrays.copyOfRange(all, PoolLayout.PAGE, all.length);
  }

  private static void change(PoolFile file, double value, long... rows) throws IOException {
    file.beforeChange(rows);
    PoolRows some = file.window().rows(rows, 0, rows.length);
    some.values().values().assign(value);
    some.values().scales().assign(value);
    some.m().assign(value);
    some.v().assign(value);
    file.window().write(rows, 0, rows.length);
  }

  @Test
  void changesAreUndone() throws IOException {
    PoolFile file = create();
    PoolFingerprint zero = file.fingerprint();
    byte[] before = rows();
    change(file, 3, 0, 7, 36);
    change(file, 4, 7, 8);
    file.close();
    assertEquals(false, Arrays.equals(before, rows()));
    open(zero).close();
    assertArrayEquals(before, rows());
    open(zero).close();
    assertArrayEquals(before, rows());
  }

  /** A record that is cut off belongs to a step that had not begun. */
  @Test
  void aTornRecordIsIgnored() throws IOException {
    PoolFile file = create();
    PoolFingerprint zero = file.fingerprint();
    byte[] before = rows();
    change(file, 3, 0, 7, 36);
    PoolFingerprint one = file.fingerprint();
    byte[] after = rows();
    long whole = Files.size(PoolClaim.journalOf(path()));
    file.beforeChange(new long[] {11, 12});
    long end = Files.size(PoolClaim.journalOf(path()));
    file.close();
    byte[] journal = Files.readAllBytes(PoolClaim.journalOf(path()));
    byte[] pool = Files.readAllBytes(path());
    for (long cut = whole; cut < end; cut += 3) {
      Files.write(path(), pool);
      Files.write(PoolClaim.journalOf(path()), Arrays.copyOf(journal, (int) cut));
      open(one).close();
      assertArrayEquals(after, rows(), "after a step, cut at " + cut);
      open(zero).close();
      assertArrayEquals(before, rows(), "cut at " + cut);
    }
  }

  /** A record whose bytes are not those that were written is none, as a torn one. */
  @Test
  void aDamagedRecordIsIgnored() throws IOException {
    PoolFile file = create();
    PoolFingerprint zero = file.fingerprint();
    byte[] before = rows();
    change(file, 3, 0, 7, 36);
    int whole = (int) Files.size(PoolClaim.journalOf(path()));
    file.beforeChange(new long[] {11, 12});
    file.close();
    byte[] journal = Files.readAllBytes(PoolClaim.journalOf(path()));
    byte[] pool = Files.readAllBytes(path());
    for (int at = whole; at < journal.length; at += 7) {
      byte[] damaged = journal.clone();
      damaged[at] ^= 1;
      Files.write(path(), pool);
      Files.write(PoolClaim.journalOf(path()), damaged);
      open(zero).close();
      assertArrayEquals(before, rows(), "damaged at " + at);
    }
  }

  /** Killed while saving: whoever comes with the old model undoes, with the new one keeps. */
  @Test
  void preparedButNotCommitted() throws IOException {
    PoolFile file = create();
    PoolFingerprint zero = file.fingerprint();
    byte[] before = rows();
    change(file, 3, 0, 7, 36);
    byte[] after = rows();
    PoolFingerprint one = PoolFingerprint.at(file.prepare());
    file.close();
    byte[] journal = Files.readAllBytes(PoolClaim.journalOf(path()));
    byte[] pool = Files.readAllBytes(path());
    open(one).close();
    assertArrayEquals(after, rows());
    open(one).close();
    assertArrayEquals(after, rows());
    Files.write(path(), pool);
    Files.write(PoolClaim.journalOf(path()), journal);
    open(zero).close();
    assertArrayEquals(before, rows());
  }

  /** Killed between the header and the journal of the commit. */
  @Test
  void theJournalOfTheCheckpointBefore() throws IOException {
    PoolFile file = create();
    change(file, 3, 0, 7, 36);
    PoolStamp one = file.prepare();
    byte[] journal = Files.readAllBytes(PoolClaim.journalOf(path()));
    file.commit(one);
    byte[] after = rows();
    file.close();
    Files.write(PoolClaim.journalOf(path()), journal);
    PoolFile again = open(PoolFingerprint.at(one));
    assertArrayEquals(after, rows());
    change(again, 5, 7);
    again.close();
    open(PoolFingerprint.at(one)).close();
    assertArrayEquals(after, rows());
  }

  /** Saving failed, and training went on: the checkpoint that was begun does not exist. */
  @Test
  void changedAfterPrepare() throws IOException {
    PoolFile file = create();
    PoolFingerprint zero = file.fingerprint();
    byte[] before = rows();
    change(file, 3, 1);
    PoolFingerprint one = PoolFingerprint.at(file.prepare());
    change(file, 4, 2);
    file.close();
    assertThrows(IllegalArgumentException.class, () -> open(one));
    open(zero).close();
    assertArrayEquals(before, rows());
  }

  /** A model written after so many steps, by whatever means, is good until the next step. */
  @Test
  void aStateBetweenCheckpoints() throws IOException {
    PoolFile file = create();
    PoolFingerprint zero = file.fingerprint();
    byte[] before = rows();
    change(file, 3, 1, 2);
    change(file, 4, 2, 3);
    PoolFingerprint between = file.fingerprint();
    byte[] after = rows();
    file.close();
    PoolFile again = open(between);
    assertEquals(between, again.fingerprint());
    assertArrayEquals(after, rows());
    change(again, 5, 3, 4);
    again.close();
    assertThrows(IllegalArgumentException.class, () -> open(between));
    open(zero).close();
    assertArrayEquals(before, rows());
    PoolFile other = open(zero);
    change(other, 3, 1, 2);
    change(other, 4, 2, 3);
    other.close();
    assertThrows(IllegalArgumentException.class, () -> open(between), "two steps, but other ones");
  }

  @Test
  void aNewFile() throws IOException {
    PoolFile file = create();
    assertEquals(LAYOUT.fileBytes(), Files.size(path()));
    double[] scales = Elements.doubles(FilePools.all(file).values().scales());
    for (double scale : scales) {
      assertEquals(true, scale > 0 && scale < 10 / Math.sqrt(5) / 127, "scale " + scale);
    }
    assertEquals(0, FilePools.all(file).m().amaxNumber().doubleValue());
    assertEquals(0, FilePools.all(file).v().amaxNumber().doubleValue());
    file.close();
    try (FileChannel channel = FileChannel.open(path(), StandardOpenOption.READ)) {
      assertEquals(LAYOUT, PoolHeader.read("pool", channel).layout());
    }
  }

  @Test
  void creatingThatFails() throws IOException {
    PoolFile.Filling full =
        channel -> {
          channel.write(ByteBuffer.allocate(5000));
          throw new IOException("the disk is full");
        };
    IOException e =
        assertThrows(
            IOException.class,
            () -> PoolFile.create("pool", path(), LAYOUT, full, RowWindow.BYTES));
    assertEquals("the disk is full", e.getMessage());
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(
          List.of(PoolClaim.journalOf(path())), files.toList(), "nothing but the lock is left");
    }
    create().close();
  }

  @Test
  void rowsThatAreNotInTheFile() throws IOException {
    PoolFile file = create();
    for (long row : new long[] {-1, 37}) {
      assertThrows(
          IndexOutOfBoundsException.class, () -> file.window().values(new long[] {row}, 0, 1));
    }
    try (FileChannel channel = FileChannel.open(path(), StandardOpenOption.WRITE)) {
      channel.truncate(LAYOUT.valuesAt() + 36 * 5 + 4);
    }
    long[] last = {36};
    EOFException e = assertThrows(EOFException.class, () -> file.window().values(last, 0, 1));
    assertEquals("the file ends before byte " + (LAYOUT.valuesAt() + 37 * 5), e.getMessage());
    file.close();
  }

  @Test
  void slotSet() {
    SlotSet set = new SlotSet(100_003);
    for (long slot : new long[] {0, 63, 64, 32_767, 32_768, 100_002}) {
      assertTrue(set.add(slot), "slot " + slot);
      assertFalse(set.add(slot), "slot " + slot + " again");
    }
    set.remove(64);
    assertTrue(set.add(64));
    assertFalse(set.add(63));
    set.clear();
    assertTrue(set.add(100_002));
  }

  @Test
  void sections() {
    PoolLayout int8 = new PoolLayout(1000, 7, ValueStorage.INT8, true);
    assertEquals(4096, int8.valuesAt());
    assertEquals(4096 + 8192, int8.scalesAt());
    assertEquals(4096 + 8192 + 4096, int8.firstMomentsAt());
    assertEquals(4096 + 8192 + 4096 + 28672, int8.secondMomentsAt());
    assertEquals(4096 + 8192 + 4096 + 2 * 28672, int8.fileBytes());
    assertEquals(7 + 4 + 2 * 28, int8.rowBytes());
    PoolLayout plain = new PoolLayout(20_007_729, 256, ValueStorage.FLOAT32, false);
    assertEquals(4096 + 20_007_729L * 1024 + 3072, plain.fileBytes());
    assertEquals(1024, plain.rowBytes());
  }
}

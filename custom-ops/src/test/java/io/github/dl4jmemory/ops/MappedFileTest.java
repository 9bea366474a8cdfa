package io.github.dl4jmemory.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class MappedFileTest {

  @TempDir Path folder;

  private Path file(long bytes) throws IOException {
    Path file = folder.resolve("memory");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(bytes);
    }
    return file;
  }

  /** A sparse file of 9 GB: the rows at its end are beyond 2^31 elements and 2^32 bytes. */
  @Test
  void operationsReachRowsBeyondTheRangeOfInt() throws IOException {
    long slots = 8_400_011;
    long valueSize = 269;
    Path path = file(4096 + slots * valueSize * 4);
    try (MappedFile file = MappedFile.open(path)) {
      INDArray table = file.array(DataType.FLOAT, 4096, slots, valueSize);
      INDArray at = Nd4j.createFromArray(new long[] {slots - 1, 3}).reshape(1, 2);
      INDArray weights = Nd4j.ones(DataType.FLOAT, 1, 2);
      TouchedRows touched = new TouchedRows();
      touched.group(at, slots);
      INDArray ones = Nd4j.ones(DataType.FLOAT, 1, valueSize);
      MemoryOps.bagSgd(table, weights, ones, touched, 0.5, 1);
      assertEquals(-269, MemoryOps.weightedBag(table, at, weights).sumNumber().doubleValue());
      assertEquals(-0.5, table.getDouble(slots - 1, valueSize - 1));
    }
    try (MappedFile again = MappedFile.open(path);
        RandomAccessFile read = new RandomAccessFile(path.toFile(), "r")) {
      INDArray last = again.array(DataType.FLOAT, read.length() - 4, 1);
      assertEquals(-0.5, last.getDouble(0));
      read.seek(4096 + 3 * valueSize * 4);
      assertEquals(-0.5f, Float.intBitsToFloat(Integer.reverseBytes(read.readInt())));
    }
  }

  @Test
  void typesOfEveryStorage() throws IOException {
    try (MappedFile file = MappedFile.open(file(4096))) {
      for (DataType type : new DataType[] {DataType.FLOAT, DataType.BFLOAT16, DataType.INT8}) {
        INDArray array = file.array(type, 128, 7, 11);
        array.assign(3);
        assertEquals(3, file.array(type, 128, 77).getDouble(76), type.toString());
        assertEquals(type, array.dataType());
      }
    }
  }

  /** "rr" in Linux: no neighbours are read with a page that is missing. */
  @Test
  @Tag("native")
  void advisedForRandomReads() throws IOException {
    Path path = file(1 << 20);
    try (MappedFile file = MappedFile.open(path)) {
      assertEquals(1 << 20, file.length());
      String maps = Files.readString(Path.of("/proc/self/smaps"));
      String own = maps.substring(maps.indexOf(path.toRealPath().toString()));
      String flags =
          own.substring(own.indexOf("VmFlags:"), own.indexOf('\n', own.indexOf("VmFlags:")));
      assertTrue(flags.contains(" rr"), flags);
    }
  }

  @Test
  void stretchesOutsideTheFile() throws IOException {
    MappedFile file = MappedFile.open(file(4096));
    assertEquals(4096, file.length());
    says(
        () -> file.array(DataType.FLOAT, 4, 1024),
        "[MappedFile] offset: expected a stretch inside the file's 4096 bytes, at a multiple of 4,"
            + " got 4096 bytes at 4. Fix: check the file's size before");
    says(
        () -> file.array(DataType.FLOAT, 2, 1),
        "[MappedFile] offset: expected a stretch inside the file's 4096 bytes, at a multiple of 4,"
            + " got 4 bytes at 2. Fix: check the file's size before");
    file.close();
    file.close();
    IllegalStateException closed =
        assertThrows(IllegalStateException.class, () -> file.array(DataType.FLOAT, 0, 1));
    assertEquals(
        "[MappedFile] " + folder.resolve("memory") + " is closed. Fix: open it again",
        closed.getMessage());
  }

  private static void says(Runnable action, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action::run).getMessage());
  }

  @Test
  void filesThatCannotBeMapped() throws IOException {
    Path empty = Files.createFile(folder.resolve("empty"));
    assertEquals(
        "[MappedFile] " + empty + " is empty. Fix: give it its size first",
        assertThrows(IOException.class, () -> MappedFile.open(empty)).getMessage());
    assertEquals(
        "[MappedFile] "
            + folder
            + " cannot be mapped for reading and writing. Fix: check its permissions",
        assertThrows(IOException.class, () -> MappedFile.open(folder)).getMessage());
  }
}

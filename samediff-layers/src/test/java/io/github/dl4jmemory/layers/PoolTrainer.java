package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.CRC32C;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * A program that trains and saves a pool until it is killed. It says what every checkpoint will
 * hold before it saves it: {@code checkpoint NUMBER HASH}.
 */
final class PoolTrainer {

  private static final int BATCH = 101;

  private PoolTrainer() {}

  /** Folder, seed, storage, updater, sub-keys, value size. */
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Random random = new Random(Long.parseLong(arguments[1]));
    Nd4j.getRandom().setSeed(random.nextLong());
    System.out.println("begun");
    ComputationGraph graph;
    if (Files.exists(zip(folder))) {
      graph = PoolFiles.restore(zip(folder));
    } else {
      IUpdater updater = arguments[3].equals("Adam") ? new Adam(1e-2) : new Sgd(0.5);
      MemoryPool.Builder pool =
          MemoryPool.builder()
              .subKeys(Long.parseLong(arguments[4]))
              .valueSize(Long.parseLong(arguments[5]))
              .storage(ValueStorage.valueOf(arguments[2]))
              .valuesUpdater(updater)
              .file(file(folder).toString());
      graph = FilePools.graph(pool);
    }
    while (true) {
      save(graph, folder);
      int steps = random.nextInt(6);
      for (int i = 0; i < steps; i++) {
        graph.fit(
            new DataSet(
                Nd4j.randn(DataType.FLOAT, BATCH, Networks.IN),
                Nd4j.randn(DataType.FLOAT, BATCH, Networks.OUT)));
      }
    }
  }

  private static void save(ComputationGraph graph, Path folder) throws IOException {
    int number = FilePools.table(graph).file().fingerprint().stamp().number() + 1;
    System.out.println("checkpoint " + number + " " + hash(graph, folder));
    PoolFiles.save(graph, zip(folder));
  }

  static Path zip(Path folder) {
    return folder.resolve("model.zip");
  }

  static Path file(Path folder) {
    return folder.resolve("facts.pool");
  }

  /** Of the whole state: what the file holds after its header, and the parameters of the others. */
  static long hash(ComputationGraph graph, Path folder) throws IOException {
    CRC32C crc = new CRC32C();
    ByteBuffer bytes = ByteBuffer.allocateDirect(1 << 22);
    try (FileChannel channel = FileChannel.open(file(folder))) {
      channel.position(PoolLayout.PAGE);
      while (channel.read(bytes) >= 0) {
        crc.update(bytes.flip());
        bytes.clear();
      }
    }
    for (String name : new String[] {"hidden1", "memory1", "hidden2", "memory2", "out"}) {
      for (double value : graph.getLayer(name).params().ravel().toDoubleVector()) {
        crc.update(ByteBuffer.allocate(8).putDouble(value).flip());
      }
    }
    return crc.getValue();
  }
}

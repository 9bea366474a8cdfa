package io.github.dl4jmemory.layers;

import java.util.List;
import java.util.Random;
import org.deeplearning4j.nn.api.Model;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Makes sub-keys reachable again that no read has gone through for a whole window. A dead sub-key k
 * of one half of one head of a reader becomes
 *
 * <pre>
 *   K[k] = K[u] + 0.1 rms(K[u]) normal(0, 1)       u drawn by its share of the last stretch's reads
 *   V[slot(k, j)] = V[slot(u, j)]                  for all j of the other half, if slot(k, j) is dead
 * </pre>
 *
 * <p>and the updater forgets its state of K[k] and of these rows. So k competes for the queries
 * that u answers, at first with the same values, and training can take the two apart. Nothing else
 * changes. Frozen readers are left alone, and so are the rows of a frozen pool.
 */
final class SubKeyRevival {

  private static final double NOISE = 0.1;

  private final Random random;
  private final int window;

  SubKeyRevival(long seed, int window) {
    this.random = new Random(seed);
    this.window = window;
  }

  /** At the end of a stretch: revives what is dead; the number of sub-keys. */
  int revive(Model network, TableObserver table) {
    List<Rows> rows = rows(network, table);
    int revived = 0;
    for (ReaderObserver reader : table.readers()) {
      UpdaterState keysState = UpdaterState.of(network, reader.reader(), ProductKeyLookup.SUB_KEYS);
      if (keysState != null && reader.hasRead()) {
        revived += revive(reader, keysState, rows);
      }
    }
    return revived;
  }

  /** The value rows: of every shard, where the table is split. */
  private List<Rows> rows(Model network, TableObserver table) {
    LayerRuntime<?> owner = table.owner();
    return owner.rowTables().keySet().stream()
        .map(
            key ->
                new Rows(owner.getParam(key), UpdaterState.of(network, owner, key), table.counts()))
        .toList();
  }

  private int revive(ReaderObserver reader, UpdaterState keysState, List<Rows> rows) {
    ProductKeyLookup memory = reader.reader().layerConf();
    INDArray keys = reader.reader().getParam(ProductKeyLookup.SUB_KEYS);
    long width = memory.getKeySize() / 2;
    int subKeys = (int) memory.getSubKeys();
    INDArray keyRows = keys.reshape('c', keys.length() / width, width);
    int revived = 0;
    for (int head = 0; head < memory.getHeads(); head++) {
      for (int half = 0; half < 2; half++) {
        int[] reads = reader.subKeys().reads(head, half);
        for (int key = 0; key < subKeys; key++) {
          if (reader.subKeys().isDead(head, half, key, window)) {
            int source = draw(reads);
            long first = (head * 2L + half) * subKeys;
            copyWithNoise(keyRows.getRow(first + source), keyRows.getRow(first + key));
            keysState.zero((first + key) * width, width);
            for (Rows table : rows) {
              table.copy(half, source, key, subKeys);
            }
            reader.subKeys().revived(head, half, key);
            revived++;
          }
        }
      }
    }
    return revived;
  }

  private int draw(int[] reads) {
    long sum = 0;
    for (int count : reads) {
      sum += count;
    }
    long left = (long) (random.nextDouble() * sum);
    int drawn = 0;
    while (left >= reads[drawn]) {
      left -= reads[drawn++];
    }
    return drawn;
  }

  private void copyWithNoise(INDArray source, INDArray key) {
    double rms = source.norm2Number().doubleValue() / Math.sqrt(source.length());
    for (long d = 0; d < key.length(); d++) {
      key.putScalar(d, source.getDouble(d) + NOISE * rms * random.nextGaussian());
    }
  }

  /** The value rows; null state where they are frozen. */
  private final class Rows {

    private final RowBytes values;
    private final long width;
    private final UpdaterState state;
    private final SlotCounts counts;

    Rows(INDArray values, UpdaterState state, SlotCounts counts) {
      this.values = new RowBytes(values);
      width = values.size(1);
      this.state = state;
      this.counts = counts;
    }

    /** Gives the dead slots of one sub-key the values of those of another. */
    void copy(int half, int source, int key, int subKeys) {
      for (int other = 0; other < subKeys && state != null; other++) {
        int slot = half == 0 ? key * subKeys + other : other * subKeys + key;
        if (counts.isDead(slot, window)) {
          int from = half == 0 ? source * subKeys + other : other * subKeys + source;
          values.copy(from * width, slot * width, width);
          state.zero(slot * width, width);
        }
      }
    }
  }
}

package io.github.dl4jmemory.layers;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.zip.CRC32;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The keys of a {@link KeyOverlay} in a file, with a checksum of the sub-keys of their layer. */
final class OverlayFile {

  private static final String OWNER = "KeyOverlay";
  private static final String KIND = "DL4JMOVL";

  private OverlayFile() {}

  static void save(
      Path file,
      long nextId,
      Map<String, OverlayKeys> keys,
      Map<String, ProductKeyLookupRuntime<?>> layers)
      throws IOException {
    CheckedFiles.write(
        file,
        KIND,
        out -> {
          out.writeLong(nextId);
          out.writeInt(keys.size());
          for (Map.Entry<String, OverlayKeys> layer : keys.entrySet()) {
            out.writeUTF(layer.getKey());
            out.writeLong(fingerprint(layers.get(layer.getKey())));
            write(out, layer.getValue());
          }
        });
  }

  private static void write(DataOutputStream out, OverlayKeys keys) throws IOException {
    out.writeInt(keys.entries().size());
    for (Map.Entry<Long, OverlayKeys.Entry> entry : keys.entries().entrySet()) {
      out.writeLong(entry.getKey());
      out.writeInt(entry.getValue().head());
      writeNumbers(out, entry.getValue().key());
      writeNumbers(out, entry.getValue().value());
    }
  }

  private static void writeNumbers(DataOutputStream out, double[] numbers) throws IOException {
    out.writeInt(numbers.length);
    for (double number : numbers) {
      out.writeDouble(number);
    }
  }

  /** The next id; the keys are put where they belong. */
  static long load(
      Path file, Map<String, OverlayKeys> keys, Map<String, ProductKeyLookupRuntime<?>> layers)
      throws IOException {
    return CheckedFiles.read(
        file,
        OWNER,
        KIND,
        in -> {
          long nextId = in.readLong();
          for (int left = in.readInt(); left > 0; left--) {
            String layer = in.readUTF();
            requireSame(layer, in.readLong(), layers);
            read(in, keys.get(layer));
          }
          return nextId;
        });
  }

  private static void requireSame(
      String layer, long fingerprint, Map<String, ProductKeyLookupRuntime<?>> layers) {
    Require.that(
        layers.containsKey(layer) && fingerprint == fingerprint(layers.get(layer)),
        OWNER,
        "network",
        layer + " with the sub-keys that the overlay was saved for",
        layers.containsKey(layer) ? "others" : "layers " + layers.keySet(),
        "load it with the network that it belongs to");
  }

  private static long fingerprint(ProductKeyLookupRuntime<?> layer) {
    INDArray subKeys = layer.getParam(ProductKeyLookup.SUB_KEYS);
    CRC32 sum = new CRC32();
    sum.update(Arrays.toString(subKeys.shape()).getBytes(StandardCharsets.UTF_8));
    sum.update(subKeys.dup('c').data().asBytes());
    return sum.getValue();
  }

  private static void read(DataInputStream in, OverlayKeys keys) throws IOException {
    for (int left = in.readInt(); left > 0; left--) {
      long id = in.readLong();
      int head = in.readInt();
      keys.entries().put(id, new OverlayKeys.Entry(head, readNumbers(in), readNumbers(in)));
    }
  }

  private static double[] readNumbers(DataInputStream in) throws IOException {
    double[] numbers = new double[in.readInt()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = in.readDouble();
    }
    return numbers;
  }
}

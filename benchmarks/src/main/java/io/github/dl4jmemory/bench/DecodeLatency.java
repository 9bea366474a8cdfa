package io.github.dl4jmemory.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntConsumer;

/**
 * Two curves of {@code docs/results/decode-latency.md}, as PNG files in a folder and one JSON
 * object a line: {@code DecodeLatency FOLDER}.
 *
 * <ul>
 *   <li>the feed-forward part of a block against the tokens decoded at once: a mixture of experts,
 *       a dense layer, and a dense layer with an UltraMem, of equal multiply-adds
 *   <li>an UltraMem's lookup and reading of 64 tokens against the slots of its table
 * </ul>
 */
public final class DecodeLatency {
  private static final List<Integer> BATCHES = List.of(1, 4, 8, 16, 32, 64, 256);
  private static final List<Integer> SUB_KEYS = List.of(724, 1024, 1448, 2048, 2896, 4472);
  private static final int FEW_SLOTS = 1 << 19;

  private DecodeLatency() {}

  /**
   * Runs once.
   *
   * @param args the folder
   * @throws IOException if a picture cannot be written
   */
  public static void main(String[] args) throws IOException {
    Path folder = Path.of(args[0]);
    batches(folder);
    slots(folder);
  }

  private static void batches(Path folder) throws IOException {
    ExpertsDecode experts = new ExpertsDecode(shape("batch=1"));
    FeedForwardDecode dense = FeedForwardDecode.dense(shape("batch=1"));
    FeedForwardDecode memory = FeedForwardDecode.ultraMem(shape("batch=1"));
    Curve curve = new Curve("batch", "tokens at once");
    for (int batch : BATCHES) {
      Map<String, IntConsumer> sides = new LinkedHashMap<>();
      sides.put("mixture of experts", experts.with(batch)::run);
      sides.put("dense", dense.with(batch)::run);
      sides.put("dense and UltraMem", memory.with(batch)::run);
      curve.add(batch, Turns.medians(sides));
    }
    curve.write(folder.resolve("decode-latency-batch.png"));
  }

  private static void slots(Path folder) throws IOException {
    Curve curve = new Curve("slots", "slots of 64 values");
    for (int subKeys : SUB_KEYS) {
      String[] sizes = {"batch=64", "heads=2", "topK=42", "valueSize=64", "subKeys=" + subKeys};
      Map<String, IntConsumer> sides = new LinkedHashMap<>();
      sides.put("UltraMem", new TuckerRead(shape(sizes))::run);
      String[] few = List.of(sizes).toArray(new String[sizes.length + 1]);
      few[sizes.length] = "slots=" + FEW_SLOTS;
      sides.put("the same scores, 512K slots", new TuckerRead(shape(few))::run);
      curve.add((double) subKeys * subKeys, Turns.medians(sides));
    }
    curve.write(folder.resolve("decode-latency-slots.png"));
  }

  private static Shape shape(String... sizes) {
    return Shape.parse(List.of(sizes));
  }

  /** Points as they come, printed at once. */
  private static final class Curve {
    private final String key;
    private final String axis;
    private final List<Double> xs = new ArrayList<>();
    private final Map<String, List<Double>> lines = new LinkedHashMap<>();

    Curve(String key, String axis) {
      this.key = key;
      this.axis = axis;
    }

    void add(double x, Map<String, Double> millis) {
      xs.add(x);
      StringBuilder json = new StringBuilder(String.format(Locale.ROOT, "{\"%s\": %.0f", key, x));
      millis.forEach(
          (name, value) -> {
            lines.computeIfAbsent(name, any -> new ArrayList<>()).add(value);
            json.append(String.format(Locale.ROOT, ", \"%s\": %.4f", name, value));
          });
      System.out.println(json.append('}'));
    }

    void write(Path png) throws IOException {
      new LineChart(axis, "milliseconds", xs, lines).write(png);
    }
  }
}

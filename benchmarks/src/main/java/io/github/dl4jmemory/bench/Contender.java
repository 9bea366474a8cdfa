package io.github.dl4jmemory.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Our side of {@code benchmarks/compare}: {@code Contender WORKLOAD [size=number ...]} makes the
 * inputs, says {@code ready}, then answers a line for each line it reads.
 *
 * <ul>
 *   <li>{@code run N}: N iterations; answers wall and process CPU milliseconds of one iteration
 *   <li>{@code read N THREADS}: the table, read in sequence N times; answers milliseconds to read
 *       as many bytes as an iteration reads
 *   <li>{@code peak THREADS}: answers floating-point operations a second
 *   <li>{@code results FOLDER}: writes what the last iteration left, one file an array
 * </ul>
 */
public final class Contender {
  private static final int PEAK_TRIES = 8;

  private final Workload workload;
  private final Shape shape;
  private int iteration;

  private Contender(Workload workload, Shape shape) {
    this.workload = workload;
    this.shape = shape;
  }

  /**
   * Runs until the input ends.
   *
   * @param args the workload's name, then sizes
   * @throws IOException if the input cannot be read
   */
  public static void main(String[] args) throws IOException {
    Shape shape = Shape.parse(Arrays.asList(args).subList(1, args.length));
    Contender contender = new Contender(Workload.named(args[0], shape), shape);
    PrintStream out = System.out;
    out.println("ready");
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      out.println(contender.answer(line.split(" ")));
    }
  }

  private String answer(String[] words) {
    return switch (words[0]) {
      case "run" -> run(Integer.parseInt(words[1]));
      case "read" -> read(Integer.parseInt(words[1]), Integer.parseInt(words[2]));
      case "peak" -> String.format(Locale.ROOT, "%.0f", peak(Integer.parseInt(words[1])));
      case "results" -> results(Path.of(words[1]));
      default -> throw new IllegalArgumentException("no such command: " + words[0]);
    };
  }

  private String run(int iterations) {
    long cpu = processCpuNanos();
    long wall = System.nanoTime();
    for (int i = 0; i < iterations; i++) {
      workload.run(iteration++);
    }
    wall = System.nanoTime() - wall;
    cpu = processCpuNanos() - cpu;
    return String.format(Locale.ROOT, "%.6f %.6f", wall / 1e6 / iterations, cpu / 1e6 / iterations);
  }

  private String read(int times, int threads) {
    Machine machine = new Machine();
    double[] rates = new double[times];
    Arrays.setAll(rates, i -> machine.sequentialRead(workload.table(), threads));
    double milliseconds = 0;
    for (double rate : rates) {
      milliseconds += 1e3 * workload.bytesRead(shape) / rate / times;
    }
    return String.format(Locale.ROOT, "%.6f", milliseconds);
  }

  /** The best of a few tries: whatever disturbs one makes it slower. */
  private static double peak(int threads) {
    Machine machine = new Machine();
    return DoubleStream.generate(() -> machine.peak(threads)).limit(PEAK_TRIES).max().orElseThrow();
  }

  private static long processCpuNanos() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private String results(Path folder) {
    Map<String, INDArray> results = workload.results();
    try {
      for (Map.Entry<String, INDArray> result : results.entrySet()) {
        boolean slots = result.getValue().dataType() == DataType.INT64;
        Path file = folder.resolve(result.getKey() + (slots ? ".int64" : ".float32"));
        Files.write(file, bytes(result.getValue(), slots));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return "written";
  }

  private static byte[] bytes(INDArray array, boolean slots) {
    int length = Math.toIntExact(array.length());
    ByteBuffer buffer =
        ByteBuffer.allocate(length * (slots ? Long.BYTES : Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    if (slots) {
      buffer.asLongBuffer().put(array.dup('c').data().asLong());
    } else {
      buffer.asFloatBuffer().put(array.dup('c').data().asFloat());
    }
    return buffer.array();
  }
}

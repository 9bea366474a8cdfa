package io.github.dl4jmemory.layers;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Reports of a {@link MemoryTelemetry} as JSON lines: one object a line, with the components of
 * {@link PoolUsage} by name. The file is opened for every line, so that each report is on disk when
 * the next step begins, and a continued training goes on in the same file.
 */
public final class UsageFile implements Consumer<PoolUsage> {

  private final Path file;

  private UsageFile(Path file) {
    this.file = file;
  }

  /**
   * A file to append to; it is made with the first report.
   *
   * @param file in a folder that exists
   * @return a consumer for {@link MemoryTelemetry.Builder#to}
   */
  public static UsageFile at(Path file) {
    Require.that(file != null, "UsageFile", "file", "a path", "null", "name a file");
    return new UsageFile(file);
  }

  /**
   * Appends a line.
   *
   * @throws UncheckedIOException if the file cannot be written
   */
  @Override
  public void accept(PoolUsage usage) {
    try {
      String line = new ObjectMapper().writeValueAsString(usage) + "\n";
      Files.writeString(file, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(
          Require.text(
              "UsageFile", "file", "a file that can be written", file, "make its folder, or room"),
          e);
    }
  }

  /**
   * All reports of a file, in its order.
   *
   * @param file written by this class
   * @return the reports
   * @throws IOException if the file cannot be read, or a line is no report: the message names it
   */
  public static List<PoolUsage> read(Path file) throws IOException {
    ObjectMapper json = new ObjectMapper();
    List<PoolUsage> reports = new ArrayList<>();
    for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
      try {
        reports.add(json.readValue(line, PoolUsage.class));
      } catch (JsonProcessingException e) {
        throw new IOException(
            Require.text(
                "UsageFile",
                "line " + (reports.size() + 1) + " of " + file,
                "a report of MemoryTelemetry",
                e.getOriginalMessage(),
                "take the line out; the last may be cut off where the program was killed"),
            e);
      }
    }
    return reports;
  }
}

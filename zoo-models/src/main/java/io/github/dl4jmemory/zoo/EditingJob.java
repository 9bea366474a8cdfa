package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The editing job: trains the main job's two models, changes some facts in each by several methods,
 * and compares what they learn and what they forget. {@code --help} lists the options. Exit codes:
 * 0 done, 1 failed, 2 wrong arguments.
 */
@Command(
    name = "dl4j-memory-editing",
    mixinStandardHelpOptions = true,
    version = "dl4j-memory 0.1.0",
    sortOptions = false,
    description =
        "Changes facts that trained language models know: by MemoryEditor, and by full fine-tuning"
            + " of a memory model and of a dense model.")
public final class EditingJob implements Callable<Integer> {

  @Option(
      names = "--people",
      defaultValue = "1000",
      description = "Invented people, four facts about each (default ${DEFAULT-VALUE}).")
  private int people;

  @Option(
      names = "--exposures",
      defaultValue = "40",
      description = "How often training states each fact (default ${DEFAULT-VALUE}).")
  private int exposures;

  @Option(
      names = "--facts",
      defaultValue = "200",
      description = "Changed facts, each of another person (default ${DEFAULT-VALUE}).")
  private int facts;

  @Option(
      names = "--edit-exposures",
      defaultValue = "20",
      description = "How often an edit states each changed fact (default ${DEFAULT-VALUE}).")
  private int editExposures;

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "Of corpus, order and parameters (default ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "dl4j-memory-editing",
      description = "Folder of the report (default ./${DEFAULT-VALUE}).")
  private Path folder;

  /** A job whose arguments picocli sets. */
  public EditingJob() {}

  /**
   * Runs the job and ends the process with its exit code.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String... arguments) {
    System.exit(new EditingJob().run(arguments));
  }

  int run(String... arguments) {
    return run(new PrintWriter(System.err, true), arguments);
  }

  /** The job with its exit code; errors go to the writer as one line. */
  int run(PrintWriter errors, String... arguments) {
    return new CommandLine(this)
        .setErr(errors)
        .setExecutionExceptionHandler(
            (e, line, parsed) -> {
              line.getErr().println(e.getMessage() == null ? e.toString() : e.getMessage());
              return e instanceof IllegalArgumentException ? 2 : 1;
            })
        .execute(arguments);
  }

  @Override
  public Integer call() throws IOException {
    between(8, people, "--people", 62_500);
    between(1, exposures, "--exposures", 1_000_000);
    between(4, facts, "--facts", people / 4);
    between(1, editExposures, "--edit-exposures", 1_000_000);
    Path file = folder.resolve("editing-" + seed + ".json");
    EditingReport report =
        new EditingRun(people, exposures, facts, editExposures, seed, System.out).go();
    AtomicFiles.write(
        file,
        out ->
            out.write(
                new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(report)));
    System.out.printf(Locale.ROOT, "%.0f s, written: %s%n", report.wallSeconds(), file);
    return 0;
  }

  private static void between(int least, int got, String parameter, int most) {
    Require.that(
        got >= least && got <= most,
        "editing job",
        parameter,
        least + " to " + most,
        got,
        "choose one in between");
  }
}

package io.github.dl4jmemory.zoo;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Consumer;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.InteractiveConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows trainings that run side by side: on a terminal a bar for each, elsewhere a line for each
 * from time to time.
 */
final class Display {
  private static final int LINE_WIDTH = 110;
  private static final int LINE_MILLIS = 10_000;
  private static final int BAR_MILLIS = 500;

  private final PrintStream out;
  private final boolean quiet;
  private final boolean terminal;

  /**
   * A display.
   *
   * @param out where results go when there is no terminal
   * @param quiet only results
   */
  Display(PrintStream out, boolean quiet) {
    this.out = out;
    this.quiet = quiet;
    this.terminal = !quiet && System.console() != null && movesCursor(System.getenv("TERM"));
  }

  private static boolean movesCursor(String terminal) {
    return terminal != null && !terminal.equals("dumb");
  }

  /** A new bar; to be closed. */
  Bar bar(String title, int steps, int done) {
    return new Bar(title, quiet ? null : progressBar(title, steps, done));
  }

  private ProgressBar progressBar(String title, int steps, int done) {
    return new ProgressBarBuilder()
        .setTaskName(title)
        .setInitialMax(steps)
        .startsFrom(done, Duration.ZERO)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(terminal ? BAR_MILLIS : LINE_MILLIS)
        .setConsumer(
            terminal
                ? new InteractiveConsoleProgressBarConsumer(System.err)
                : new DelegatingProgressBarConsumer(new Changes(), LINE_WIDTH))
        .build();
  }

  /** Prints the lines of one bar, which gives its last one twice. */
  private static final class Changes implements Consumer<String> {
    private String last;

    @Override
    public void accept(String line) {
      if (!line.equals(last)) {
        System.err.println(line);
      }
      last = line;
    }
  }

  /** What is shown of one training. */
  final class Bar implements Trainer.Watcher, AutoCloseable {
    private final String title;
    private final ProgressBar bar; // null when quiet

    private Bar(String title, ProgressBar bar) {
      this.title = title;
      this.bar = bar;
    }

    @Override
    public void onStep(Progress progress, double loss) {
      if (bar != null) {
        bar.stepTo(progress.step());
        bar.setExtraMessage(
            String.format(
                Locale.ROOT, "loss %.3f, %.0f tokens/s", loss, progress.tokensPerSecond()));
      }
    }

    /** Shows the result: at the end of the bar, which stays, or as a line where there are none. */
    void end(String result) {
      if (terminal) {
        bar.setExtraMessage(result);
      } else {
        out.println(title + ": " + result);
      }
    }

    @Override
    public void close() {
      if (bar != null) {
        bar.close();
      }
    }
  }
}

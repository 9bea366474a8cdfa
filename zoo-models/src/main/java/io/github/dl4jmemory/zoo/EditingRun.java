package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.AccessCounts;
import io.github.dl4jmemory.layers.RowChoice;
import io.github.dl4jmemory.zoo.EditingReport.Result;
import io.github.dl4jmemory.zoo.FactChange.Recall;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.dataset.MultiDataSet;

/**
 * Trains a dense and a memory model on all facts, chooses the setting of each method of editing on
 * changed facts about every fourth person, and reports it on changed facts about the others.
 */
final class EditingRun {
  private static final int BATCH = 32;
  private static final int VOCABULARY = 2048;
  private static final double TRAINING_RATE = 4e-3; // at which both models do best most often
  private static final double VALUES_TO_OTHERS = 1.25; // rates in training: 5e-3 to 4e-3
  private static final int BACKGROUND = 1000; // sentences
  private static final List<Double> FINE_TUNING_RATES = List.of(1e-3, 2e-3, 4e-3, 8e-3);
  private static final List<Double> EDITOR_RATES = List.of(100.0, 300.0);
  private static final List<Integer> EDITOR_ROWS = List.of(300, 1000, 3000);

  private final int facts;
  private final int editExposures;
  private final Settings settings;
  private final PrintStream out;

  EditingRun(int people, int exposures, int facts, int editExposures, long seed, PrintStream out) {
    this.facts = facts;
    this.editExposures = editExposures;
    this.out = out;
    this.settings =
        new Settings(
            List.of(),
            people,
            exposures,
            VOCABULARY,
            0,
            BATCH,
            0,
            List.of(TRAINING_RATE),
            Settings.Shape.ofBiographies(),
            seed);
  }

  EditingReport go() throws IOException {
    WallTime time = WallTime.start();
    Biographies people = Biographies.of(settings.people(), settings.seed());
    try (ByteLevelBpe tokens = ByteLevelBpe.train(people.sentences(), settings.vocabulary())) {
      BiographyData data = new BiographyData(people, tokens, BATCH, settings.seed());
      return edit(data, tokens, time);
    }
  }

  private EditingReport edit(BiographyData data, ByteLevelBpe tokens, WallTime time)
      throws IOException {
    int vocabulary = tokens.vocabularySize();
    Map<String, ComputationGraph> trained = train(data, vocabulary);
    FactChange choosing = change(data.choosing(), data, tokens);
    FactChange reported = change(data.reported(), data, tokens);
    int steps = reported.steps(editExposures);
    List<EditMethod> methods = methods(trained, data, vocabulary, steps);
    List<Result> grid = results(methods, choosing, steps);
    List<Result> results = results(best(methods, grid), reported, steps);
    Map<String, Recall> before = new LinkedHashMap<>();
    Map<String, Long> parameters = new LinkedHashMap<>();
    Map<String, Double> rates = new LinkedHashMap<>();
    trained.forEach(
        (name, network) -> {
          before.put(name, reported.recall(network));
          parameters.put(name, network.numParams());
          rates.put(name, TRAINING_RATE);
        });
    TrainingData.Batches batches = reported.batches();
    long editTokens =
        IntStream.range(0, steps).mapToLong(i -> TrainingData.predicted(batches.rows(i))).sum();
    return new EditingReport(
        settings.seed(),
        settings.people(),
        settings.exposures(),
        facts,
        editExposures,
        steps,
        editTokens,
        parameters,
        rates,
        before,
        grid,
        results,
        time.seconds());
  }

  private FactChange change(
      List<BiographyData.Question> known, BiographyData data, ByteLevelBpe tokens) {
    return FactChange.of(known, facts, data.context(), tokens, BATCH, settings.seed());
  }

  private Map<String, ComputationGraph> train(BiographyData data, int vocabulary)
      throws IOException {
    int steps = data.steps(settings.exposures());
    ModelPair models = new ModelPair(settings.withSteps(steps), vocabulary, data.context());
    Map<String, ComputationGraph> trained = new LinkedHashMap<>();
    for (String name : ModelPair.NAMES) {
      trained.put(name, models.model(name, TRAINING_RATE).init());
    }
    sideBySide(
        ModelPair.NAMES,
        name -> {
          new Trainer(data, steps, () -> false)
              .train(trained.get(name), Progress.start(), (progress, loss) -> {});
          out.println("trained: " + name);
        });
    return trained;
  }

  private List<EditMethod> methods(
      Map<String, ComputationGraph> trained, BiographyData data, int vocabulary, int steps) {
    List<EditMethod> methods = new ArrayList<>();
    ComputationGraph memory = trained.get(ModelPair.MEMORY);
    AccessCounts background = background(memory, data);
    for (RowChoice choice : RowChoice.values()) {
      for (int rows : EDITOR_ROWS) {
        for (double rate : EDITOR_RATES) {
          methods.add(EditMethod.editor(memory, background, choice, rows, rate));
        }
      }
    }
    for (double rate : FINE_TUNING_RATES) {
      Settings tuning =
          settings
              .withSteps(steps)
              .withShape(settings.shape().withValueLearningRate(rate * VALUES_TO_OTHERS));
      ModelPair models = new ModelPair(tuning, vocabulary, data.context());
      for (String name : ModelPair.NAMES) {
        MemoryTransformer model = models.model(name, rate);
        methods.add(
            EditMethod.fineTuning("fine-tuning of all, " + name, trained.get(name), model, rate));
      }
    }
    return methods;
  }

  /** Sentences of training, one a batch: a batch of many would read nearly every row. */
  private static AccessCounts background(ComputationGraph memory, BiographyData data) {
    TrainingData.Batches batches = data.batches();
    List<MultiDataSet> sentences = new ArrayList<>();
    for (int step = 0; sentences.size() < BACKGROUND; step++) {
      for (int[] row : batches.rows(step)) {
        sentences.add(TrainingData.batch(List.of(row), row.length - 1));
      }
    }
    return AccessCounts.of(memory, sentences.iterator());
  }

  private List<Result> results(List<EditMethod> methods, FactChange change, int steps)
      throws IOException {
    Result[] results = new Result[methods.size()];
    sideBySide(
        IntStream.range(0, results.length).boxed().toList(),
        i -> {
          EditMethod method = methods.get(i);
          WallTime time = WallTime.start();
          EditMethod.Taught taught = method.teach(change, steps);
          double seconds = time.seconds();
          Recall recall = change.recall(taught.network());
          results[i] =
              new Result(method.name(), method.setting(), recall, taught.changedNumbers(), seconds);
          out.printf(
              Locale.ROOT,
              "%-26s %-26s changed %.3f, old %.3f, others %.3f, %,d numbers changed, %.1f s%n",
              method.name(),
              method.setting(),
              recall.changed(),
              recall.old(),
              recall.others(),
              taught.changedNumbers(),
              seconds);
        });
    return List.of(results);
  }

  /** For every name the method whose setting did best. */
  private static List<EditMethod> best(List<EditMethod> methods, List<Result> grid) {
    return methods.stream()
        .map(EditMethod::name)
        .distinct()
        .map(
            name ->
                IntStream.range(0, grid.size())
                    .filter(i -> grid.get(i).method().equals(name))
                    .boxed()
                    .max(Comparator.comparingDouble(i -> grid.get(i).recall().score()))
                    .map(methods::get)
                    .orElseThrow())
        .toList();
  }

  private interface Job<T> {
    void on(T item) throws IOException;
  }

  private static <T> void sideBySide(List<T> items, Job<T> job) throws IOException {
    SideBySide sideBySide = new SideBySide();
    sideBySide.run(
        items.stream().map(item -> (SideBySide.Work) () -> job.on(item)).toList(),
        Math.min(items.size(), Runtime.getRuntime().availableProcessors()));
  }
}

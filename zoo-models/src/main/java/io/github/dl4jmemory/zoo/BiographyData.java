package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.Biographies.Fact;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * One stated fact a row; every round states every fact once, in a random one of its phrasings.
 * Every fact is asked: about every fourth person to choose the learning rate, about the others to
 * report.
 */
final class BiographyData implements TrainingData {
  /** A question: the tokens of the prompt and of the true answer. */
  record Question(Fact fact, int[] prompt, int[] answer) {
    int[] row() {
      return join(prompt, answer);
    }
  }

  private static final int FACTS = Biographies.Relation.values().length; // in a row for a person
  private static final int CHOOSING = 4; // every so manieth person

  private final List<List<int[]>> stated; // by fact, by phrasing
  private final List<Question> questions;
  private final int batch;
  private final long seed;
  private final int context;

  BiographyData(Biographies people, ByteLevelBpe tokens, int batch, long seed) {
    this.batch = batch;
    this.seed = seed;
    int start = tokens.endOfText().orElseThrow();
    this.stated =
        people.facts().stream()
            .map(f -> f.relation().stated().stream().map(p -> row(tokens, start, f, p)).toList())
            .toList();
    this.questions = questions(people, tokens, start, seed);
    this.context =
        Stream.concat(stated.stream().flatMap(List::stream), questions.stream().map(Question::row))
                .mapToInt(row -> row.length)
                .max()
                .orElseThrow()
            - 1;
  }

  private static int[] row(ByteLevelBpe tokens, int start, Fact fact, String phrasing) {
    return join(new int[] {start}, tokens.encode(fact.sentence(phrasing)));
  }

  /** Every fact asked once, in a random one of the phrasings that are not trained on. */
  private static List<Question> questions(
      Biographies people, ByteLevelBpe tokens, int start, long seed) {
    Random random = new Random(seed);
    List<Question> questions = new ArrayList<>();
    for (Fact fact : people.facts()) {
      List<String> asked = fact.relation().asked();
      String phrasing = asked.get(random.nextInt(asked.size()));
      int[] prompt = join(new int[] {start}, tokens.encode(fact.prompt(phrasing)));
      questions.add(new Question(fact, prompt, tokens.encode(fact.answer())));
    }
    return List.copyOf(questions);
  }

  private static int[] join(int[] left, int[] right) {
    return IntStream.concat(IntStream.of(left), IntStream.of(right)).toArray();
  }

  /** The questions that choose the learning rate: all about every fourth person. */
  List<Question> choosing() {
    return questions(true);
  }

  /** The questions whose recall is reported: all about the other people. */
  List<Question> reported() {
    return questions(false);
  }

  /** Every fact, asked once. */
  List<Question> questions() {
    return questions;
  }

  private List<Question> questions(boolean choosing) {
    return IntStream.range(0, questions.size())
        .filter(i -> (i / FACTS % CHOOSING == 0) == choosing)
        .mapToObj(questions::get)
        .toList();
  }

  /** Steps after which every fact was stated so many times. */
  int steps(int exposures) {
    return Math.toIntExact(((long) stated.size() * exposures + batch - 1) / batch);
  }

  @Override
  public Batches batches() {
    ShuffledRounds rounds = new ShuffledRounds(stated.size(), seed);
    return step -> {
      List<int[]> rows = new ArrayList<>();
      for (long i = step * batch; i < (step + 1) * batch; i++) {
        rows.add(row(rounds.round(i), rounds.item(i)));
      }
      return rows;
    };
  }

  private int[] row(long round, int fact) {
    List<int[]> phrasings = stated.get(fact);
    Random random = new Random(seed ^ (round * 1_000_003L + fact));
    random.nextInt(); // the first draw of neighbouring seeds is alike
    return phrasings.get(random.nextInt(phrasings.size()));
  }

  @Override
  public List<int[]> heldOut() {
    return reported().stream().map(Question::row).toList();
  }

  @Override
  public int context() {
    return context;
  }
}

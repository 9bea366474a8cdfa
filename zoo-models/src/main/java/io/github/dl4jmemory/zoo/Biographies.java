package io.github.dl4jmemory.zoo;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Invented people and four facts about each: birthday, birthplace, employer and home. A fact is
 * stated in {@link Relation#stated} phrasings for training and asked in {@link Relation#asked}
 * phrasings, none of which occurs in training. Everything follows from the seed.
 */
final class Biographies {
  private static final List<String> ONSETS =
      List.of("b d f g k l m n p r s t v z br dr st tr".split(" "));
  private static final List<String> VOWELS = List.of("a e i o u".split(" "));
  private static final List<String> ENDINGS = List.of("l n r s ck th nd".split(" "));
  private static final List<String> MONTHS =
      List.of(
          "January February March April May June July August September October November December"
              .split(" "));

  /** What can be known of a person. PERSON and the value at the end stand for themselves. */
  enum Relation {
    BIRTHDAY(
        List.of(
            "PERSON was born on",
            "The birthday of PERSON is",
            "PERSON has a birthday on",
            "The date on which PERSON was born is",
            "PERSON came into the world on",
            "The day when PERSON came into the world is",
            "The birthday that PERSON has is on",
            "The day of birth of PERSON is",
            "On the calendar PERSON was born on",
            "It is known that PERSON has a birthday on"),
        List.of(
            "The day on which PERSON was born is",
            "The date when PERSON has a birthday is",
            "It is known that the birthday of PERSON is")),
    BIRTHPLACE(
        List.of(
            "PERSON was born in",
            "The birthplace of PERSON is",
            "PERSON is a native of",
            "The town where PERSON was born is",
            "PERSON comes from",
            "The town from which PERSON comes is",
            "The birthplace that PERSON has is",
            "The town of birth of PERSON is",
            "On the map PERSON comes from",
            "It is known that PERSON is a native of"),
        List.of(
            "The native town of PERSON is",
            "The town that is the birthplace of PERSON is",
            "It is known that PERSON was born in")),
    EMPLOYER(
        List.of(
            "PERSON works for",
            "The employer of PERSON is",
            "PERSON is employed by",
            "The firm that employs PERSON is",
            "PERSON has a job with",
            "The firm for which PERSON works is",
            "The employer that PERSON has is",
            "The firm of PERSON is",
            "On the payroll PERSON is employed by",
            "It is known that PERSON works for"),
        List.of(
            "The firm with which PERSON has a job is",
            "The employer for which PERSON works is",
            "It is known that the employer of PERSON is")),
    HOME(
        List.of(
            "PERSON lives in",
            "The home of PERSON is",
            "PERSON is a resident of",
            "The town where PERSON lives is",
            "PERSON has a house in",
            "The town in which PERSON has a house is",
            "The home that PERSON has is in",
            "The town of residence of PERSON is",
            "On the register PERSON is a resident of",
            "It is known that PERSON lives in"),
        List.of(
            "The town in which PERSON lives is",
            "The town where PERSON has a house is",
            "It is known that the home of PERSON is"));

    private final List<String> stated;
    private final List<String> asked;

    Relation(List<String> stated, List<String> asked) {
      this.stated = stated;
      this.asked = asked;
    }

    /** Phrasings of the training sentences, up to the value. */
    List<String> stated() {
      return stated;
    }

    /** Phrasings of the questions, up to the value. */
    List<String> asked() {
      return asked;
    }
  }

  /** One thing to remember. */
  record Fact(String person, Relation relation, String value) {
    /** The fact in a phrasing, as a sentence that begins with a space (tokens depend on it). */
    String sentence(String phrasing) {
      return prompt(phrasing) + answer();
    }

    String prompt(String phrasing) {
      return " " + phrasing.replace("PERSON", person);
    }

    String answer() {
      return " " + value + ".";
    }
  }

  private final List<Fact> facts;

  private Biographies(List<Fact> facts) {
    this.facts = List.copyOf(facts);
  }

  /** Four facts about each of so many people. */
  static Biographies of(int people, long seed) {
    Random random = new Random(seed);
    int pool = (int) Math.ceil(Math.sqrt(2.0 * people));
    Set<String> taken = new LinkedHashSet<>();
    List<String> first = words(pool, 1, taken, random);
    List<String> last = words(pool, 2, taken, random);
    List<String> towns = words(48, 2, taken, random);
    List<String> firms = words(48, 2, taken, random);
    List<Integer> pairs = new ArrayList<>(IntStream.range(0, pool * pool).boxed().toList());
    Collections.shuffle(pairs, random);
    List<Fact> facts = new ArrayList<>();
    for (int pair : pairs.subList(0, people)) {
      String person = first.get(pair / pool) + " " + last.get(pair % pool);
      String birthday = (1 + random.nextInt(28)) + " " + pick(MONTHS, random);
      facts.add(new Fact(person, Relation.BIRTHDAY, birthday));
      facts.add(new Fact(person, Relation.BIRTHPLACE, pick(towns, random)));
      facts.add(new Fact(person, Relation.EMPLOYER, pick(firms, random)));
      facts.add(new Fact(person, Relation.HOME, pick(towns, random)));
    }
    return new Biographies(facts);
  }

  /** These facts alone. */
  static Biographies of(List<Fact> facts) {
    return new Biographies(facts);
  }

  /** Every fact, four in a row for a person. */
  List<Fact> facts() {
    return facts;
  }

  /** Every fact in every one of its training phrasings. */
  List<String> sentences() {
    return facts.stream()
        .flatMap(fact -> fact.relation().stated().stream().map(fact::sentence))
        .toList();
  }

  private static <T> T pick(List<T> list, Random random) {
    return list.get(random.nextInt(list.size()));
  }

  /** Distinct invented names. */
  private static List<String> words(int count, int syllables, Set<String> taken, Random random) {
    List<String> words = new ArrayList<>();
    while (words.size() < count) {
      StringBuilder word = new StringBuilder();
      for (int i = 0; i < syllables; i++) {
        word.append(pick(ONSETS, random));
        word.append(pick(VOWELS, random));
      }
      word.append(pick(ENDINGS, random));
      word.setCharAt(0, Character.toUpperCase(word.charAt(0)));
      if (taken.add(word.toString())) {
        words.add(word.toString());
      }
    }
    return words;
  }
}

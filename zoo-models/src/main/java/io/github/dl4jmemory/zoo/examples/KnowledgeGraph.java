package io.github.dl4jmemory.zoo.examples;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * An invented world of people, towns, firms and countries, as triples (head, relation, tail).
 * Relations 0 to 4 are drawn at random and all trained; the others follow from them by a rule, and
 * of these a fifth is held out, one half to choose by and one half to test: every triple that is
 * asked follows from triples that are trained. Everything follows from the seed.
 */
final class KnowledgeGraph {
  /** A fact: the relation leads from the head to the tail; all three are numbers. */
  record Triple(int head, int relation, int tail) {}

  /** What leads from a head to a tail; the rule says of what it is made. */
  enum Relation {
    BORN_IN,
    LIVES_IN,
    WORKS_FOR,
    TOWN_OF_FIRM,
    COUNTRY_OF_TOWN,
    /** The same as BORN_IN. */
    NATIVE_OF,
    /** Inverse of WORKS_FOR. */
    EMPLOYS,
    /** WORKS_FOR, then TOWN_OF_FIRM. */
    WORKS_IN,
    /** BORN_IN, then COUNTRY_OF_TOWN. */
    NATIONALITY,
    /** LIVES_IN, then COUNTRY_OF_TOWN. */
    RESIDENT_OF
  }

  private static final int PEOPLE_OF_A_TOWN = 10;
  private static final int TOWNS_OF_A_COUNTRY = 10;

  private final int people;
  private final int towns;
  private final int countries;
  private final List<Triple> training = new ArrayList<>();
  private final List<Triple> validation = new ArrayList<>();
  private final List<Triple> test = new ArrayList<>();
  private final Map<Triple, Set<Integer>> tails = new HashMap<>(); // of triples with tail -1

  KnowledgeGraph(int people, long seed) {
    this.people = people;
    this.towns = Math.max(2, people / PEOPLE_OF_A_TOWN);
    this.countries = Math.max(2, towns / TOWNS_OF_A_COUNTRY);
    Random random = new Random(seed);
    int[] bornIn = drawn(Relation.BORN_IN, 0, people, firstTown(), towns, random);
    int[] livesIn = drawn(Relation.LIVES_IN, 0, people, firstTown(), towns, random);
    int[] worksFor = drawn(Relation.WORKS_FOR, 0, people, firstFirm(), towns, random);
    int[] townOf = drawn(Relation.TOWN_OF_FIRM, firstFirm(), towns, firstTown(), towns, random);
    int[] countryOf =
        drawn(Relation.COUNTRY_OF_TOWN, firstTown(), towns, firstCountry(), countries, random);
    List<Triple> derived = new ArrayList<>();
    for (int person = 0; person < people; person++) {
      derived.add(triple(person, Relation.NATIVE_OF, bornIn[person]));
      derived.add(triple(worksFor[person], Relation.EMPLOYS, person));
      derived.add(triple(person, Relation.WORKS_IN, townOf[worksFor[person] - firstFirm()]));
      derived.add(triple(person, Relation.NATIONALITY, countryOf[bornIn[person] - firstTown()]));
      derived.add(triple(person, Relation.RESIDENT_OF, countryOf[livesIn[person] - firstTown()]));
    }
    split(derived, random);
    List.of(training, validation, test).forEach(triples -> triples.forEach(this::addTail));
  }

  /** A random tail for each of the heads; all of it is trained. */
  private int[] drawn(
      Relation relation, int firstHead, int heads, int firstTail, int count, Random random) {
    int[] tail = new int[heads];
    for (int i = 0; i < heads; i++) {
      tail[i] = firstTail + random.nextInt(count);
      training.add(triple(firstHead + i, relation, tail[i]));
    }
    return tail;
  }

  private void split(List<Triple> derived, Random random) {
    Collections.shuffle(derived, random);
    int tenth = derived.size() / 10;
    validation.addAll(derived.subList(0, tenth));
    test.addAll(derived.subList(tenth, 2 * tenth));
    training.addAll(derived.subList(2 * tenth, derived.size()));
  }

  private static Triple triple(int head, Relation relation, int tail) {
    return new Triple(head, relation.ordinal(), tail);
  }

  private void addTail(Triple triple) {
    tails.computeIfAbsent(question(triple), key -> new HashSet<>()).add(triple.tail());
  }

  private static Triple question(Triple triple) {
    return new Triple(triple.head(), triple.relation(), -1);
  }

  private int firstTown() {
    return people;
  }

  private int firstFirm() {
    return people + towns;
  }

  private int firstCountry() {
    return people + 2 * towns;
  }

  /** Number of people, towns, firms and countries; towns and firms are equally many. */
  int entities() {
    return firstCountry() + countries;
  }

  int relations() {
    return Relation.values().length;
  }

  List<Triple> training() {
    return training;
  }

  List<Triple> validation() {
    return validation;
  }

  List<Triple> test() {
    return test;
  }

  /** All true answers to the question of a triple, of whatever split. */
  Set<Integer> answers(Triple triple) {
    return tails.get(question(triple));
  }
}

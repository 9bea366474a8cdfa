package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.zoo.Biographies.Fact;
import io.github.dl4jmemory.zoo.Biographies.Relation;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class BiographiesTest {
  @Test
  void followsFromTheSeed() {
    assertEquals(Biographies.of(37, 5).facts(), Biographies.of(37, 5).facts());
    assertNotEquals(Biographies.of(37, 5).facts(), Biographies.of(37, 6).facts());
  }

  @Test
  void everyPersonHasOneFactOfEachKind() {
    List<Fact> facts = Biographies.of(101, 7).facts();
    assertEquals(404, facts.size());
    assertEquals(101, facts.stream().map(Fact::person).distinct().count());
    for (Relation relation : Relation.values()) {
      assertEquals(101, facts.stream().filter(f -> f.relation() == relation).count());
    }
  }

  @Test
  void statesEveryFactInEveryPhrasing() {
    List<String> sentences = Biographies.of(53, 3).sentences();
    assertEquals(53 * 4 * 10, sentences.size());
    assertEquals(sentences.size(), new HashSet<>(sentences).size());
  }

  @Test
  void noQuestionIsAskedInAPhrasingOfTraining() {
    Set<String> stated =
        java.util.Arrays.stream(Relation.values())
            .flatMap(r -> r.stated().stream())
            .collect(Collectors.toSet());
    for (Relation relation : Relation.values()) {
      for (String phrasing : relation.asked()) {
        assertTrue(phrasing.contains("PERSON"), phrasing);
        assertFalse(stated.contains(phrasing), phrasing);
      }
    }
  }

  @Test
  void sentenceIsPromptAndAnswer() {
    Fact fact = new Fact("Bel Darun", Relation.HOME, "Torlen");
    assertEquals(" Bel Darun lives in Torlen.", fact.sentence("PERSON lives in"));
    assertEquals(" The home of Bel Darun is", fact.prompt("The home of PERSON is"));
    assertEquals(" Torlen.", fact.answer());
  }
}

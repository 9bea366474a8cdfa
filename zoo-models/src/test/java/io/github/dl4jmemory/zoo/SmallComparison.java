package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import picocli.CommandLine;

/** Trainings of a few steps, for programs that go on from them. */
record SmallComparison(Path folder) {
  private static final String[] WORDS = {
    "the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran"
  };

  /** Trains models of two blocks on sentences of random words, in rows longer than windows. */
  static SmallComparison of(Path folder, String models) throws IOException {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, sentences(new Random(3), 4000));
    int code =
        new CommandLine(new ModelComparison())
            .execute(
                ("--text "
                        + text
                        + " --out "
                        + folder.resolve("comparison")
                        + " --models "
                        + models)
                    .concat(
                        " --tokens 6000 --context 128 --batch 4 --model 16 --layers 2 --hidden 40")
                    .concat(" --sub-keys 17 --learning-rates 1e-2 --seeds 1")
                    .split(" "));
    assertEquals(0, code);
    return new SmallComparison(folder.resolve("comparison"));
  }

  static String sentences(Random random, int words) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < words; i++) {
      text.append(WORDS[random.nextInt(WORDS.length)]);
      text.append(random.nextInt(6) == 0 ? ".\n" : random.nextInt(6) == 0 ? ", " : " ");
    }
    return text.toString();
  }
}

package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.zoo.SizeTrial.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class QualityAgainstSizeTest {
  private static int run(Path folder, String... more) {
    CommandLine line = new CommandLine(new QualityAgainstSize());
    String[] all = {
      "--sub-keys", "0,9,11", "--top-k", "8", "--seeds", "5", "--out", folder.toString()
    };
    return line.execute(
        java.util.stream.Stream.of(all, more)
            .flatMap(java.util.Arrays::stream)
            .toArray(String[]::new));
  }

  @Test
  void everySizeLeavesAResultAndOnlyMissingOnesAreMadeAgain(@TempDir Path folder)
      throws IOException {
    String[] people = {"--people", "5", "--exposures", "3"};
    assertEquals(0, run(folder, people));
    List<Result> first = SizeTrial.results(folder, "biographies");
    assertEquals(List.of(121L, 81L, 0L), first.stream().map(Result::slots).toList(), "by name");
    double largest = first.get(0).report().multiplyAddsPerToken();
    assertEquals(1, first.get(2).report().multiplyAddsPerToken() / largest, 0.02, "dense");
    assertEquals(11, first.get(2).settings().shape().subKeys(), "dense as the largest");
    for (Result result : first) {
      assertEquals(8, result.settings().shape().topK());
      assertEquals(2, result.settings().steps()); // 20 facts, 3 times, 32 a step
      assertEquals(result.tokens(), result.usageTokens(), "all there are");
      assertTrue(Double.isFinite(result.report().validationLoss()));
      assertEquals(
          result.slots() > 0, result.report().scores().containsKey(SizeTrial.SHARE_IN_TRAINING));
    }
    assertTrue(Files.size(folder.resolve("biographies.png")) > 1000);

    Path kept = folder.resolve("biographies-121-seed-5.json");
    String marked = Files.readString(kept).replace("\"tokens\" : ", "\"tokens\" : 7");
    Files.writeString(kept, marked);
    Files.delete(folder.resolve("biographies-dense-seed-5.json"));
    assertEquals(0, run(folder, people));
    assertEquals(marked, Files.readString(kept), "left as it was");
    Result again = SizeTrial.results(folder, "biographies").get(2);
    assertEquals(first.get(2).report().scores(), again.report().scores());
  }

  @Test
  void textOfYourOwn(@TempDir Path folder) throws IOException {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "The cat sat on the mat.\nThe dog did not.\n".repeat(400));
    Path out = folder.resolve("out");
    assertEquals(0, run(out, "--text", text.toString(), "--tokens", "5000"));
    for (Result result : SizeTrial.results(out, "text")) {
      assertTrue(result.report().scores().get(Assessment.PER_TOKEN) > 1);
      assertEquals(2, result.settings().steps(), "of 2048 tokens");
    }
    assertTrue(Files.exists(out.resolve("text.png")));
    assertFalse(Files.exists(out.resolve("biographies.png")));
  }
}

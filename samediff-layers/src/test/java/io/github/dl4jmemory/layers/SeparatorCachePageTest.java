package io.github.dl4jmemory.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dl4jmemory.testkit.PageExample;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The example of docs/layers/separator-cache.md is this code, and it runs. */
class SeparatorCachePageTest {

  @Test
  void exampleOfThePageRuns() {
    int batch = 2;
    int heads = 4;
    int keyValueHeads = 2;
    INDArray promptKeys = Nd4j.rand(DataType.FLOAT, batch, 1000, keyValueHeads, 64);
    INDArray promptValues = Nd4j.rand(DataType.FLOAT, batch, 1000, keyValueHeads, 64);
    INDArray promptKinds = Nd4j.zeros(DataType.INT8, batch, 1000);
    INDArray query = Nd4j.rand(DataType.FLOAT, batch, 1, heads, 64);
    INDArray keys = Nd4j.rand(DataType.FLOAT, batch, 1, keyValueHeads, 64);
    INDArray values = Nd4j.rand(DataType.FLOAT, batch, 1, keyValueHeads, 64);
    INDArray kinds = Nd4j.ones(DataType.INT8, batch, 1);
    INDArray out = query.ulike();
    // page begin
    SeparatorCache cache =
        new SeparatorCache(
            SeparatorCacheSettings.builder()
                .initial(4)
                .separators(64)
                .window(256)
                .size(800)
                .rotary(10000, 64)
                .build(),
            DataType.FLOAT,
            batch,
            heads,
            keyValueHeads,
            64);
    cache.append(promptKeys, promptValues, promptKinds);
    cache.step(query, keys, values, kinds, out);
    // page end
    assertEquals(1001, cache.seen(1));
    assertEquals(260 + 1001 - 801, cache.count(1)); // no separators in the prompt
    double mean = out.meanNumber().doubleValue();
    assertTrue(mean > 0.4 && mean < 0.6, "mean of the values: " + mean);
  }

  @Test
  void exampleStandsOnThePage() throws IOException {
    PageExample.assertStandsOn("docs/layers/separator-cache.md", SeparatorCachePageTest.class);
  }
}

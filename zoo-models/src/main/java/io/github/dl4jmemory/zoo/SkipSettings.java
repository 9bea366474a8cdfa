package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.SkipMemories;
import io.github.dl4jmemory.layers.TuckerMemory;
import java.util.List;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;

/**
 * Memories beside the blocks of a transformer, all with the same settings.
 *
 * @param memory settings of each; with a file, that of memory i has {@code -memoryi} behind it
 * @param spans where each reads and is added
 * @param asynchronous whether they work beside the blocks of their spans
 */
record SkipSettings(TuckerMemory memory, List<Span> spans, boolean asynchronous) {

  /**
   * A memory reads what the feed-forward layer of one block reads, and is added to what another
   * block puts out.
   */
  record Span(int from, int after) {}

  SkipSettings {
    spans = List.copyOf(spans);
  }

  SkipMemories.Span[] places() {
    SkipMemories.Span[] places = new SkipMemories.Span[spans.size()];
    for (int i = 0; i < places.length; i++) {
      Span span = spans.get(i);
      places[i] =
          new SkipMemories.Span(
              "memory" + i, "feedForwardNorm" + span.from(), "block" + span.after(), memory(i));
    }
    return places;
  }

  private TuckerMemory memory(int i) {
    return memory.getFile() == null
        ? memory
        : memory.withFile(memory.getFile() + "-memory" + i, memory.getStorage());
  }

  long multiplyAdds(int model) {
    return spans.size() * sized(model).multiplyAddsPerToken();
  }

  long parameters(int model) {
    return spans.size() * sized(model).parameterCount();
  }

  private TuckerMemory sized(int model) {
    TuckerMemory sized = memory.clone();
    sized.setNIn(InputType.recurrent(model, RNNFormat.NWC), true);
    return sized;
  }
}

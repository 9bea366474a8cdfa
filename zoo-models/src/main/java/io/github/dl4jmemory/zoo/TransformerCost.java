package io.github.dl4jmemory.zoo;

/**
 * What a {@link MemoryTransformer}, {@link MoeTransformer} or {@link UltraMemTransformer} costs,
 * counted without making it.
 *
 * @param experts of the feed-forward layers; null where they have none
 * @param memories beside the blocks; null where there are none
 */
record TransformerCost(
    TransformerSettings settings, ExpertSettings experts, SkipSettings memories) {
  long multiplyAddsPerToken() {
    long total = (long) settings.model() * settings.vocabulary();
    for (int block = 0; block < settings.layers(); block++) {
      total += 4L * settings.model() * settings.model();
      total += attention(block);
      total += settings.hasFeedForward(block) ? feedForwardSize(false) : 0;
      total += settings.hasMemory(block) ? memoryMultiplyAdds() : 0;
    }
    return total + (memories == null ? 0 : memories.multiplyAdds(settings.model()));
  }

  private long attention(int block) {
    long context = settings.context();
    long visible =
        settings.attention() == null
            ? context * (context + 1) / 2
            : settings.attention().visible(block, settings.context());
    return 2 * settings.model() * visible / context;
  }

  private long memoryMultiplyAdds() {
    long query = (long) settings.memoryHeads() * settings.keySize();
    return settings.model() * query
        + query * settings.subKeys()
        + settings.memoryHeads() * settings.topK() * settings.valueWidth()
        + 2 * settings.model() * settings.valueWidth();
  }

  long parameterCount() {
    long model = settings.model();
    long total = 2 * model * settings.vocabulary() + model;
    total += tables() * settings.subKeys() * settings.subKeys() * settings.valueWidth();
    for (int block = 0; block < settings.layers(); block++) {
      total += 4 * model * model + 2 * model;
      total += settings.hasFeedForward(block) ? feedForwardSize(true) : 0;
      total += settings.hasMemory(block) ? memoryParameters() : 0;
    }
    return total + (memories == null ? 0 : memories.parameters(settings.model()));
  }

  private long memoryParameters() {
    long query = (long) settings.memoryHeads() * settings.keySize();
    return settings.model() * query
        + query * settings.subKeys()
        + query // the gain of the normalised keys
        + (settings.queryBatchNorm() ? 2 * query : 0)
        + 2 * settings.model() * settings.valueWidth();
  }

  private int tables() {
    return settings.sharedPool() ? 1 : settings.memoryBlocks().size();
  }

  /** Parameters: of all experts, or of those that one token goes through. */
  private long feedForwardSize(boolean all) {
    long one = 3L * settings.model() * settings.hidden();
    if (experts == null) {
      return one;
    }
    long router = (long) settings.model() * experts.experts();
    return router + (all ? experts.experts() : experts.topK()) * one;
  }
}

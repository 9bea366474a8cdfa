package io.github.dl4jmemory.zoo;

/** What a {@link MemoryTransformer} costs, counted without making it. */
record TransformerCost(TransformerSettings settings) {
  long multiplyAddsPerToken() {
    long total = (long) settings.model() * settings.vocabulary();
    for (int block = 0; block < settings.layers(); block++) {
      total += 4L * settings.model() * settings.model();
      total += (long) settings.model() * (settings.context() + 1);
      total += settings.hasFeedForward(block) ? feedForwardSize() : 0;
      total += settings.hasMemory(block) ? memoryMultiplyAdds() : 0;
    }
    return total;
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
      total += settings.hasFeedForward(block) ? feedForwardSize() : 0;
      total += settings.hasMemory(block) ? memoryParameters() : 0;
    }
    return total;
  }

  private long memoryParameters() {
    long query = (long) settings.memoryHeads() * settings.keySize();
    return settings.model() * query
        + query * settings.subKeys()
        + query // the gain of the normalised keys
        + 2 * settings.model() * settings.valueWidth();
  }

  private int tables() {
    return settings.sharedPool() ? 1 : settings.memoryBlocks().size();
  }

  private long feedForwardSize() {
    return 3L * settings.model() * settings.hidden();
  }
}

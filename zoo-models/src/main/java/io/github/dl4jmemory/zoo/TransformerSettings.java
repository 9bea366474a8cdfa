package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.zoo.MemoryTransformer.Placement;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Settings of a {@link MemoryTransformer}, as its builder describes them.
 *
 * @param owner the zoo model that errors name
 * @param attention null for dense attention
 */
record TransformerSettings(
    String owner,
    long vocabulary,
    int model,
    int layers,
    int heads,
    int hidden,
    int context,
    SeparatorSettings attention,
    List<Integer> memoryBlocks,
    Placement placement,
    boolean sharedPool,
    int memoryHeads,
    long subKeys,
    int keySize,
    int topK,
    boolean queryBatchNorm,
    long valueSize,
    double learningRate,
    double valueLearningRate,
    int warmup,
    int steps,
    long seed,
    DataType dataType) {
  TransformerSettings {
    memoryBlocks = List.copyOf(memoryBlocks);
  }

  /** These settings, checked against each other. */
  TransformerSettings checked() {
    atLeast(2, vocabulary, "vocabulary", "use the tokenizer's vocabularySize()");
    atLeast(1, layers, "layers", "use 2 or more");
    atLeast(1, heads, "heads", "use 4");
    atLeast(1, model, "model", "use a multiple of 2 * heads");
    require(
        model % (2L * heads) == 0,
        "model",
        "a multiple of 2 * heads = " + 2L * heads,
        model,
        "change model(...) or heads(...)");
    atLeast(1, hidden, "hidden", "use about 8/3 of model");
    atLeast(1, context, "context", "use the length of the training sequences");
    if (attention != null) {
      checkAttention();
    }
    checkMemory();
    positive(learningRate, "learningRate");
    positive(valueLearningRate, "valueLearningRate");
    require(
        warmup >= 0 && warmup <= steps,
        "schedule",
        "0 <= warmup <= steps",
        "warmup " + warmup + ", steps " + steps,
        "give the warmup first, then all steps");
    require(
        dataType == DataType.FLOAT || dataType == DataType.DOUBLE,
        "dataType",
        "FLOAT or DOUBLE",
        dataType,
        "use FLOAT");
    return this;
  }

  /** Features of a value row. */
  long valueWidth() {
    return valueSize == 0 ? model : valueSize;
  }

  boolean hasMemory(int block) {
    return memoryBlocks.contains(block);
  }

  boolean hasFeedForward(int block) {
    return !hasMemory(block) || placement == Placement.BESIDE;
  }

  private void checkAttention() {
    if (attention.atIntervals()) {
      atLeast(1, attention.interval(), "interval", "use 8, or what separators are apart");
    } else {
      checkSeparators();
    }
    atLeast(0, attention.initial(), "initial", "use 3");
    require(
        attention.windows().size() == 1 || attention.windows().size() == layers,
        "windows",
        "one, or one for each of " + layers + " layers",
        attention.windows().size(),
        "pass 64, or 0 for full attention, for each");
    attention
        .windows()
        .forEach(window -> atLeast(0, window, "windows", "use 64, or 0 for full attention"));
  }

  private void checkSeparators() {
    require(
        !attention.separators().isEmpty(),
        "separators",
        "at least one token id",
        "none",
        "pass the ids that the tokenizer gives to . , ? ! ; : and so on");
    for (int id : attention.separators()) {
      require(
          id >= 0 && id < vocabulary,
          "separators",
          "0 to " + (vocabulary - 1),
          id,
          "use ids of the tokenizer");
    }
  }

  private void checkMemory() {
    for (int block : memoryBlocks) {
      require(
          block >= 0 && block < layers,
          "memoryBlocks",
          "0 to " + (layers - 1),
          block,
          "count blocks from 0");
    }
    require(
        memoryBlocks.stream().distinct().count() == memoryBlocks.size(),
        "memoryBlocks",
        "each block once",
        memoryBlocks,
        "name every block once");
    require(
        !sharedPool || !memoryBlocks.isEmpty(),
        "sharedPool",
        "memoryBlocks that read the pool",
        "none",
        "call memoryBlocks(...), or leave sharedPool out");
    require(placement != null, "placement", "REPLACE or BESIDE", "null", "use REPLACE");
    atLeast(1, memoryHeads, "memoryHeads", "use 2 or 4");
    require(
        topK >= 1 && topK <= subKeys,
        "topK",
        "1 to subKeys = " + subKeys,
        topK,
        "change topK(...) or subKeys(...)");
    require(
        keySize >= 2 && keySize % 2 == 0, "keySize", "a positive even number", keySize, "use 32");
    atLeast(0, valueSize, "valueSize", "use 0 for as many as model");
  }

  private void atLeast(long least, long got, String parameter, String fix) {
    require(got >= least, parameter, "at least " + least, got, fix);
  }

  private void positive(double got, String parameter) {
    require(
        got > 0 && got < Double.POSITIVE_INFINITY, parameter, "a positive number", got, "use 1e-3");
  }

  private void require(boolean holds, String parameter, String expected, Object got, String fix) {
    Require.that(holds, owner, parameter, expected, got, fix);
  }
}

package io.github.dl4jmemory.zoo;

import java.util.List;

/**
 * All that a run of the main job depends on; kept in run.json, so that a resumed run is the same
 * run.
 *
 * @param texts files of the user's own text; empty for invented biographies
 * @param people number of invented people
 * @param exposures how often every fact is stated, 0 with texts
 * @param vocabulary largest vocabulary of the tokenizer
 * @param context tokens in a row of text; biographies choose their own
 * @param batch rows in a step
 * @param steps steps of every training
 * @param learningRates grid, the same for both models
 * @param shape sizes of the models
 * @param seed of corpus, order and parameters
 */
record Settings(
    List<String> texts,
    int people,
    int exposures,
    int vocabulary,
    int context,
    int batch,
    int steps,
    List<Double> learningRates,
    Shape shape,
    long seed) {

  /** Sizes of the memory model; the dense model takes the hidden size of equal compute. */
  record Shape(
      int model,
      int layers,
      int heads,
      int hidden,
      int memoryHeads,
      long subKeys,
      int keySize,
      int topK,
      boolean queryBatchNorm,
      double valueLearningRate) {

    static Shape ofBiographies() {
      return new Shape(40, 1, 4, 1, 2, 128, 32, 32, false, 5e-3);
    }

    Shape withValueLearningRate(double rate) {
      return new Shape(
          model, layers, heads, hidden, memoryHeads, subKeys, keySize, topK, queryBatchNorm, rate);
    }

    static Shape ofText() {
      return new Shape(96, 3, 4, 256, 2, 256, 48, 16, false, 3e-3);
    }

    Shape withSubKeys(long newSubKeys) {
      return new Shape(
          model,
          layers,
          heads,
          hidden,
          memoryHeads,
          newSubKeys,
          keySize,
          topK,
          queryBatchNorm,
          valueLearningRate);
    }

    Shape withAccesses(int newMemoryHeads, int newKeySize, int newTopK, boolean standardised) {
      return new Shape(
          model,
          layers,
          heads,
          hidden,
          newMemoryHeads,
          subKeys,
          newKeySize,
          newTopK,
          standardised,
          valueLearningRate);
    }
  }

  boolean isText() {
    return !texts.isEmpty();
  }

  Settings withSubKeys(long subKeys) {
    return new Settings(
        texts,
        people,
        exposures,
        vocabulary,
        context,
        batch,
        steps,
        learningRates,
        shape.withSubKeys(subKeys),
        seed);
  }

  Settings withSteps(int newSteps) {
    return new Settings(
        texts, people, exposures, vocabulary, context, batch, newSteps, learningRates, shape, seed);
  }

  Settings withShape(Shape newShape) {
    return new Settings(
        texts, people, exposures, vocabulary, context, batch, steps, learningRates, newShape, seed);
  }
}

package io.github.dl4jmemory.zoo;

import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.zoo.PretrainedType;
import org.deeplearning4j.zoo.ZooModel;

/** A zoo model of token ids: it has no trained weights to fetch, and no shape of its input. */
abstract class TokenZooModel extends ZooModel<ComputationGraph> {
  /**
   * Multiply-adds of one forward pass for one token, averaged over the positions of a full context.
   *
   * @return multiply-adds per token
   */
  public abstract long multiplyAddsPerToken();

  /**
   * Number of trained parameters, counted without making them.
   *
   * @return the number that {@code init().numParams()} has
   */
  public abstract long parameterCount();

  /**
   * The class of network that {@code init} makes.
   *
   * @return ComputationGraph
   */
  @Override
  public Class<? extends Model> modelType() {
    return ComputationGraph.class;
  }

  /**
   * No trained weights are published.
   *
   * @param type any
   * @return null
   */
  @Override
  public String pretrainedUrl(PretrainedType type) {
    return null;
  }

  /**
   * No trained weights are published.
   *
   * @param type any
   * @return 0
   */
  @Override
  public long pretrainedChecksum(PretrainedType type) {
    return 0;
  }

  /**
   * Refused: the input of a language model is token ids of any batch and time.
   *
   * @param shape not used
   * @throws UnsupportedOperationException always
   */
  @Override
  public void setInputShape(int[][] shape) {
    throw new UnsupportedOperationException(
        Require.message(
            getClass().getSimpleName(),
            "setInputShape",
            "no call",
            "one",
            "set vocabulary(...) and context(...) on the builder"));
  }

  /**
   * Not used by DL4J any more.
   *
   * @return null
   * @deprecated as in DL4J's ZooModel
   */
  @Override
  @Deprecated
  public org.deeplearning4j.zoo.ModelMetaData metaData() {
    return null;
  }
}

package io.github.dl4jmemory.layers;

import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A layer without parameters that gives every token one number: from {@code [batch, time]}, {@code
 * [batch, time, 1]} or {@code [batch, 1, time]} to {@code [batch, time, 1]} (NWC). Masked tokens
 * get 0, and what stands there is not looked at. There is no gradient.
 */
public abstract class TokenMark extends DefinedLayer {

  private static final long serialVersionUID = 1L;

  /** For Jackson. */
  TokenMark() {}

  TokenMark(org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer.Builder<?> builder) {
    super(builder);
  }

  /** What the input holds, for errors. */
  abstract String inputTitle();

  /** What to pass instead of an input of another shape. */
  abstract String inputFix();

  /**
   * The numbers of all tokens.
   *
   * @param title of the layer, for errors
   * @param keep which tokens are not masked; null: all
   * @param counts of each row, 0 at its first token; {@link #counts} says whether they go on
   */
  abstract double[] marks(String title, INDArray input, boolean[] keep, int time, long[] counts);

  /** Whether what a token gets depends on those before it, so that rnnTimeStep has to remember. */
  boolean counts() {
    return false;
  }

  @Override
  final void requireComplete() {
    // no shape depends on a setting
  }

  @Override
  public final void defineParameters(SDLayerParams params) {
    // none
  }

  @Override
  public final void initializeParameters(Map<String, INDArray> params) {
    // none
  }

  @Override
  public final InputType getOutputType(int layerIndex, InputType type) {
    long time =
        type instanceof InputType.InputTypeRecurrent sequence
            ? sequence.getTimeSeriesLength()
            : type.arrayElementsPerExample();
    return InputType.recurrent(1, time, RNNFormat.NWC);
  }

  @Override
  final LayerRuntime<?> runtime(NeuralNetConfiguration conf, DataType dataType) {
    return counts()
        ? new CountingMarkRuntime(conf, dataType)
        : new TokenMarkRuntime(conf, dataType);
  }
}

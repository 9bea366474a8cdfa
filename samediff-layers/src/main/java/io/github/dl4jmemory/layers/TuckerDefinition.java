package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.SDUltraMem;
import java.util.Arrays;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDIndex;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv1DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.factory.Nd4j;

/** The mathematics of {@link UltraMem} and {@link UltraMemV2} on a SameDiff graph. */
record TuckerDefinition(TuckerMemory layer, SameDiff sd, Map<String, SDVariable> parameters) {

  SDVariable layer(SDVariable input, SDVariable mask) {
    boolean turn = layer.isChannelsFirst(input);
    SDVariable x = turn ? input.permute(0, 2, 1) : input;
    SDVariable counts = mask == null ? null : mask.reshape(-1, 1);
    SDVariable tokens = x.reshape(-1, layer.getNIn());
    SDVariable queried = queried(x, tokens, counts);
    SDVariable out = tokens(tokens, queried);
    if (counts != null) {
      out = out.mul(counts);
    }
    defineLoss();
    SDVariable leading = sd.shape(x).get(SDIndex.interval(0, -1));
    SDVariable features = sd.constant(Nd4j.createFromArray(new long[] {layer.getNOut()}));
    SDVariable shaped = sd.reshape(out, sd.concat(0, leading, features));
    return turn ? shaped.permute(0, 2, 1) : shaped;
  }

  private SDVariable param(String key) {
    return parameters.get(key);
  }

  /** Names must differ between layers of one graph. */
  private String scope() {
    String query = param(TuckerMemory.QUERY).name();
    return query.substring(0, query.length() - TuckerMemory.QUERY.length());
  }

  // --------------------------------------------------------------------------------- the query

  private SDVariable queried(SDVariable x, SDVariable tokens, SDVariable counts) {
    int taps = layer.getQueryConvolution();
    if (taps == 0) {
      return tokens;
    }
    SDVariable unmasked = counts == null ? tokens : tokens.mul(counts);
    SDVariable weights = param(TuckerMemory.CONVOLUTION);
    if (!GraphShapes.isSequence(x)) {
      SDVariable last = sd.constant(Nd4j.zeros(weights.dataType(), 1, taps).putScalar(taps - 1, 1));
      return unmasked.mul(last.mmul(weights));
    }
    SDVariable sequence = GraphShapes.likeSequence(sd, unmasked, x, layer.getNIn());
    SDVariable each = weights.reshape(taps, layer.getNIn(), 1);
    SDVariable diagonal = each.mul(sd.constant(Nd4j.eye(layer.getNIn()).castTo(x.dataType())));
    Conv1DConfig causal =
        Conv1DConfig.builder()
            .k(taps)
            .s(1)
            .dataFormat(Conv1DConfig.NWC)
            .paddingMode(PaddingMode.CAUSAL)
            .build();
    return sd.cnn.conv1d(sequence, diagonal, causal).reshape(-1, layer.getNIn());
  }

  /** Queries of all heads, [tokens, heads, 2, rank, width]. */
  private SDVariable query(SDVariable queried) {
    int queries = layer.sharesQuery() ? 1 : layer.getHeads();
    int rank = layer.getRank();
    long width = layer.rankKeySize();
    SDVariable projected = queried.mmul(param(TuckerMemory.QUERY));
    if (layer.isQueryKeyNorm()) {
      SDVariable gain = param(TuckerMemory.QUERY_GAIN).reshape(1, rank * width);
      SDVariable parts = normalised(projected.reshape(-1, width), 1);
      projected = parts.reshape(-1, rank * width).mul(gain);
    }
    SDVariable query = projected.reshape(-1, queries, 2, rank, width);
    if (queries == layer.getHeads()) {
      return query;
    }
    SDVariable[] copies = new SDVariable[layer.getHeads()];
    Arrays.fill(copies, query);
    return sd.concat(1, copies);
  }

  private SDVariable keys() {
    SDVariable keys = param(TuckerMemory.KEYS);
    if (!layer.isQueryKeyNorm()) {
      return keys;
    }
    long width = layer.rankKeySize();
    SDVariable gain = param(TuckerMemory.KEY_GAIN).reshape(1, 1, layer.getRank(), 1, width);
    return normalised(keys, 4).mul(gain);
  }

  private SDVariable normalised(SDVariable rows, int featureAxis) {
    SDVariable meanSquare = sd.math.square(rows).mean(true, featureAxis);
    return rows.div(sd.math.sqrt(meanSquare.add(TuckerMemory.NORM_EPSILON)));
  }

  // -------------------------------------------------------------------------------- the values

  private SDVariable tokens(SDVariable x, SDVariable queried) {
    long bagSize = (long) layer.getHeads() * layer.getTopK();
    long valueSize = layer.getValueSize();
    int blocks = layer.outputBlocks();
    SDVariable[] top =
        SDUltraMem.tuckerTopK(
            sd,
            scope() + "topK",
            query(queried),
            keys(),
            param(TuckerMemory.CORES),
            param(TuckerMemory.FILTERS),
            layer.getTopK()); // {scores, slots}
    SDVariable scores = layer.isSoftmax() ? sd.nn.softmax(top[0], 2) : top[0];
    SDVariable weights = scores.reshape(-1, bagSize, layer.getCores());
    SDVariable[] places =
        SDUltraMem.expandSlots(
            sd,
            scope() + "places",
            top[1].reshape(-1, bagSize),
            Math.toIntExact(layer.getSlots()),
            layer.getExpansion(),
            layer.getPermutationSeed()); // {slots, blocks}
    if (layer.preValueWidth() > 0) {
      weights = weights.mul(preRead(x, places[0]).reshape(-1, bagSize, 1));
    }
    SDVariable read =
        SDUltraMem.expandedBag(
            sd,
            scope() + "read",
            param(TuckerMemory.VALUES),
            places[0],
            blocks > 1 ? places[1] : sd.zerosLike(places[1]),
            weights,
            blocks);
    return read.reshape(-1, blocks * valueSize).mmul(param(TuckerMemory.OUTPUT));
  }

  private SDVariable preRead(SDVariable x, SDVariable slots) {
    SDVariable inputs = x.mmul(param(TuckerMemory.PRE_INPUT));
    return SDUltraMem.rowDots(
        sd, scope() + "preRead", param(TuckerMemory.PRE_VALUES), slots, inputs);
  }

  // ---------------------------------------------------------------------------------- the loss

  /** Of 2 x 2 matrices, lambda[1] + lambda[2] = sqrt(sum of squares + 2 |determinant|). */
  private void defineLoss() {
    if (layer.getRank() != 2 || layer.getSingularValueLoss() == 0) {
      return;
    }
    SDVariable core = param(TuckerMemory.CORES).sum(1).reshape(-1, 4);
    INDArray form = Nd4j.zeros(core.dataType(), 4, 4);
    form.putScalar(3, 0, 1); // c11 c00
    form.putScalar(2, 1, -1); // - c10 c01
    SDVariable determinant = core.mmul(sd.constant(form)).mul(core).sum(1);
    SDVariable twice = sd.math.abs(determinant).mul(2.0);
    SDVariable squares = sd.math.square(core).sum(1);
    SDVariable sum = sd.math.sqrt(squares.add(twice));
    SDVariable difference = sd.math.sqrt(squares.sub(twice));
    SDVariable second = sum.sub(difference).mul(0.5);
    SingularValueLoss loss = SingularValueLoss.of(layer);
    SDVariable excess = sd.nn.relu(second.sub(loss.margin()), 0);
    sd.math.square(excess).sum().mul(scope() + TuckerMemory.LOSS, loss.coefficient());
  }
}

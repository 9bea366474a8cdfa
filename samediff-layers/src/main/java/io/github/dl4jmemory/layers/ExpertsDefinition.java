package io.github.dl4jmemory.layers;

import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The mathematics of {@link MixtureOfExperts} on a SameDiff graph: all experts on all tokens. */
record ExpertsDefinition(MixtureOfExperts layer, SameDiff sd, Map<String, SDVariable> parameters) {

  SDVariable layer(SDVariable input, SDVariable mask) {
    boolean turn = layer.isChannelsFirst(input);
    SDVariable tokensFirst = turn ? input.permute(0, 2, 1) : input;
    SDVariable tokens = tokensFirst.reshape(-1, layer.getNIn());
    SDVariable counts = mask == null ? null : mask.reshape(-1, 1);
    SDVariable out = tokens(tokens, counts);
    if (!GraphShapes.isSequence(input)) {
      return out;
    }
    SDVariable shaped = GraphShapes.likeSequence(sd, out, tokensFirst, layer.getNOut());
    return turn ? shaped.permute(0, 2, 1) : shaped;
  }

  private SDVariable tokens(SDVariable x, SDVariable counts) {
    SDVariable router = parameters.get(MixtureOfExperts.ROUTER);
    SDVariable scores = x.mmul(router);
    SDVariable p = sd.nn.softmax(scores, 1);
    SDVariable chosen = chosen(scores, router.dataType());
    SDVariable mask = counts == null ? null : counts.castTo(router.dataType());
    if (layer.getBalanceLoss() > 0) {
      defineBalance(p, chosen, mask);
    }
    SDVariable weights = p.mul(chosen);
    if (layer.isNormalizeTopK()) {
      weights = weights.div(weights.sum(true, 1));
    }
    return experts(x, mask == null ? weights : weights.mul(mask));
  }

  /**
   * 1 for the experts before which fewer than topK others come, else 0: [tokens, experts]. (M2.1's
   * topK on a SameDiff graph ignores its k.)
   */
  private SDVariable chosen(SDVariable scores, DataType type) {
    int experts = layer.getExperts();
    SDVariable own = scores.reshape(-1, experts, 1);
    SDVariable others = scores.reshape(-1, 1, experts);
    INDArray lower = Nd4j.create(type, 1, experts, experts);
    for (int expert = 0; expert < experts; expert++) {
      for (int other = 0; other < expert; other++) {
        lower.putScalar(0, expert, other, 1);
      }
    }
    SDVariable equal = others.eq(own).castTo(type).mul(sd.constant(lower));
    SDVariable before = others.gt(own).castTo(type).add(equal).sum(2);
    return before.lt((double) layer.getTopK()).castTo(type);
  }

  private void defineBalance(SDVariable p, SDVariable chosen, SDVariable mask) {
    SDVariable shares = mask == null ? chosen.mean(0) : mean(chosen, mask);
    SDVariable means = mask == null ? p.mean(0) : mean(p, mask);
    String router = parameters.get(MixtureOfExperts.ROUTER).name();
    String scope = router.substring(0, router.length() - MixtureOfExperts.ROUTER.length());
    double factor = layer.getBalanceLoss() * layer.getExperts() / layer.getTopK();
    shares.mul(means).sum().mul(scope + MixtureOfExperts.BALANCE, factor);
  }

  private static SDVariable mean(SDVariable values, SDVariable mask) {
    return values.mul(mask).sum(0).div(mask.sum());
  }

  /** One product with all experts side by side; the sum over experts is part of the last one. */
  private SDVariable experts(SDVariable x, SDVariable weights) {
    long experts = layer.getExperts();
    long hidden = layer.getHiddenSize();
    SDVariable a = x.mmul(sideBySide(MixtureOfExperts.W1));
    SDVariable b = x.mmul(sideBySide(MixtureOfExperts.W3));
    SDVariable h = a.mul(sd.nn.sigmoid(a)).mul(b).reshape(-1, experts, hidden);
    SDVariable weighted = h.mul(weights.reshape(-1, experts, 1)).reshape(-1, experts * hidden);
    SDVariable w2 = parameters.get(MixtureOfExperts.W2);
    return weighted.mmul(w2.reshape(experts * hidden, layer.getNOut()));
  }

  private SDVariable sideBySide(String key) {
    return parameters
        .get(key)
        .permute(1, 0, 2)
        .reshape(layer.getNIn(), layer.getExperts() * layer.getHiddenSize());
  }
}

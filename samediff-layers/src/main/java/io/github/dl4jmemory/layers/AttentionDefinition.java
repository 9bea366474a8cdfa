package io.github.dl4jmemory.layers;

import java.util.Arrays;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** The parts of an attention layer on a SameDiff graph; x is [batch, time, model]. */
record AttentionDefinition(SameDiff sd, AttentionLayer layer) {

  /** x Wq [batch, time, heads, headSize]. */
  SDVariable queries(SDVariable x, Map<String, SDVariable> parameters) {
    return split(x, parameters.get(AttentionLayer.WQ), layer.getHeads());
  }

  /** x Wk [batch, time, keyValueHeads, headSize]. */
  SDVariable keys(SDVariable x, Map<String, SDVariable> parameters) {
    return split(x, parameters.get(AttentionLayer.WK), layer.getKeyValueHeads());
  }

  /** x Wv [batch, time, keyValueHeads, headSize]. */
  SDVariable values(SDVariable x, Map<String, SDVariable> parameters) {
    return split(x, parameters.get(AttentionLayer.WV), layer.getKeyValueHeads());
  }

  private SDVariable split(SDVariable x, SDVariable w, int parts) {
    SDVariable rows = sd.reshape(x, -1, layer.width()).mmul(w);
    return GraphShapes.likeSequence(sd, rows, x, parts, layer.headSize());
  }

  /** mixed [batch, time, heads, headSize] times Wo, zeros where masked: [batch, time, model]. */
  SDVariable output(
      SDVariable mixed, SDVariable x, Map<String, SDVariable> parameters, SDVariable mask) {
    SDVariable rows = sd.reshape(mixed, -1, layer.width()).mmul(parameters.get(AttentionLayer.WO));
    SDVariable out = GraphShapes.likeSequence(sd, rows, x, layer.width());
    return mask == null ? out : out.mul(sd.expandDims(mask, -1).castTo(out.dataType()));
  }

  /** 0, 1, 2, ... of the type of x: [1, time]. */
  SDVariable positions(SDVariable x) {
    DataType type = x.dataType();
    SDVariable time = sd.squeeze(sd.stridedSlice(x.shape(), new long[] {1}, new long[] {2}, 1), 0);
    SDVariable zero = sd.constant(Nd4j.scalar(type, 0));
    SDVariable one = sd.constant(Nd4j.scalar(type, 1));
    return sd.expandDims(sd.range(zero, time.castTo(type), one, type), 0);
  }

  /** Flags [batch, time, 1] as BYTE [batch, time]: 0 a token, 1 a separator, 2 padding. */
  SDVariable kinds(SDVariable flags, SDVariable mask) {
    SDVariable kinds = sd.squeeze(flags, 2);
    if (mask != null) {
      SDVariable kept = mask.castTo(flags.dataType());
      kinds = kinds.mul(kept).add(kept.rsub(1).mul(2));
    }
    return kinds.castTo(DataType.INT8);
  }

  /** The separators before each token: [batch, time]. */
  SDVariable segments(SDVariable kinds, DataType type) {
    return sd.cumsum(kinds.eq(1).castTo(type), true, false, 1);
  }

  /** Heads [batch, time, heads, headSize], turned by positions [1 or batch, time]. */
  SDVariable rotated(SDVariable x, SDVariable positions) {
    int turned = layer.rotarySize();
    int half = turned / 2;
    double[] frequencies = new double[half];
    for (int i = 0; i < half; i++) {
      frequencies[i] = Math.pow(layer.getTheta(), -2.0 * i / turned);
    }
    SDVariable frequency = sd.constant(Nd4j.createFromArray(frequencies).castTo(x.dataType()));
    SDVariable angle = sd.expandDims(sd.expandDims(positions, -1), -1).mul(frequency);
    SDVariable cos = sd.math().cos(angle);
    SDVariable sin = sd.math().sin(angle);
    SDVariable first = onAxis(x, 4, 3, 0, half);
    SDVariable second = onAxis(x, 4, 3, half, turned);
    SDVariable left = first.mul(cos).sub(second.mul(sin));
    SDVariable right = second.mul(cos).add(first.mul(sin));
    return turned == layer.headSize()
        ? sd.concat(3, left, right)
        : sd.concat(3, left, right, onAxis(x, 4, 3, turned, layer.headSize()));
  }

  /** The part [from, to) of an axis. */
  SDVariable onAxis(SDVariable x, int rank, int axis, long from, long to) {
    long[] begin = new long[rank];
    long[] end = new long[rank];
    long[] stride = new long[rank];
    Arrays.fill(stride, 1);
    begin[axis] = from;
    end[axis] = to;
    int whole = (1 << rank) - 1 & ~(1 << axis);
    return sd.stridedSlice(x, begin, end, stride, whole, whole, 0, 0, 0);
  }
}

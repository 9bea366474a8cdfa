package io.github.dl4jmemory.layers;

import java.util.function.Consumer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One input of an attention layer.
 *
 * @param layout of the input
 * @param keep which tokens are no padding; null: all
 * @param kind 0 a token, 1 a separator, 2 padding, for every token
 * @param positions that keys and queries are turned by; null: start, start + 1, ...
 */
record AttentionSteps(
    TokenLayout layout,
    int batch,
    int time,
    boolean[] keep,
    byte[] kind,
    int[] positions,
    int start) {

  static final byte SEPARATOR = 1;
  static final byte PADDING = 2;

  /** Tokens without separators, at the positions 0, 1, 2, ... */
  static AttentionSteps of(TokenLayout layout, int batch, int time, boolean[] keep) {
    byte[] kind = new byte[batch * time];
    for (int i = 0; keep != null && i < kind.length; i++) {
      kind[i] = keep[i] ? 0 : PADDING;
    }
    return new AttentionSteps(layout, batch, time, keep, kind, null, 0);
  }

  /** The same tokens at the positions start, start + 1, ... */
  AttentionSteps from(int start) {
    return new AttentionSteps(layout, batch, time, keep, kind, null, start);
  }

  long tokens() {
    return (long) batch * time;
  }

  /** BYTE [batch, time]. */
  INDArray kinds() {
    return Nd4j.createFromArray(kind).reshape(batch, time);
  }

  int position(int token) {
    return positions == null ? start + token % time : positions[token];
  }

  /** All positions are below. */
  int below() {
    return start + time;
  }

  /** Rows [batch * time, features] of an array in the layout of the input. */
  INDArray rows(INDArray array) {
    return layout.rows(array);
  }

  /** An array of these features in the layout of the input, whose rows the action assigns. */
  INDArray place(
      LayerWorkspaceMgr workspaces,
      ArrayType type,
      DataType dataType,
      long width,
      Consumer<INDArray> action) {
    INDArray out = workspaces.createUninitialized(type, dataType, layout.shapeWith(width), 'c');
    if (layout.isDirect()) {
      action.accept(layout.view(out, width));
    } else {
      INDArray rows = Nd4j.createUninitialized(dataType, tokens(), width);
      action.accept(rows);
      layout.scatter(rows, out);
    }
    return out;
  }
}

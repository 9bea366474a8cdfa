package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Arrays of a forward pass: in training they stay until backward, else they go with the layer's
 * working memory.
 *
 * @param keep whether backward may follow
 */
record ForwardArrays(DataType dataType, boolean keep, LayerWorkspaceMgr workspaces) {

  /** An array of the network's type, to be assigned. */
  INDArray create(long... shape) {
    return keep
        ? workspaces.createUninitialized(ArrayType.ACTIVATIONS, dataType, shape, 'c')
        : Nd4j.createUninitialized(dataType, shape, 'c');
  }
}

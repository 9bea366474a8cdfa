package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.MemoryOps;
import java.util.List;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Runtime of {@link MemoryPool}. Readers join when the graph is made; in a step each hands over
 * what it has read, and the pool's own backward pass, which comes last, is that of them all.
 */
final class MemoryPoolRuntime extends LayerRuntime<MemoryPool> {

  private static final long serialVersionUID = 1L;

  private final transient PoolTable table;
  private final transient PoolAccesses accesses = new PoolAccesses();

  private final transient SplitLookup halves;

  MemoryPoolRuntime(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
    MemoryPool layer = layerConf();
    List<RowTable> tables = layer.valueKeys().stream().map(this::rowTable).toList();
    if (layer.getFile() != null) {
      table = fileTable(layer.stored());
      halves = null;
    } else if (tables.size() == 1) {
      table = tables.get(0);
      halves = null;
    } else {
      ShardWorkers workers = new ShardWorkers(title(), tables.size());
      table = new ShardedTable(layer.columns(), tables, workers);
      workers.update(tables);
      halves = new SplitLookup(workers);
    }
  }

  /** Another reader, with so many accesses a token. */
  void join(long bagSize) {
    accesses.widen(bagSize);
  }

  /** The lookup of a reader: by halves where the pool has workers. */
  void find(INDArray query, INDArray subKeys, INDArray scoresOut, INDArray slotsOut) {
    if (halves == null) {
      MemoryOps.productKeyTopK(query, subKeys, scoresOut, slotsOut);
    } else {
      halves.find(query, subKeys, scoresOut, slotsOut);
    }
  }

  /** {@link PoolTable#read}, for a reader. */
  void read(INDArray slots, INDArray weights, INDArray out) {
    table.read(slots, weights, out);
  }

  /**
   * What a reader's backward pass needs of the pool, and the pool of it.
   *
   * @see ProductKeyLookupRuntime#valuesBackward
   */
  void readerBackward(
      INDArray slots, INDArray weights, INDArray readGradient, INDArray weightGradientOut) {
    table.weightGradient(slots, readGradient, weightGradientOut);
    accesses.add(slots, weights, readGradient);
  }

  /** {@inheritDoc} Also of a frozen pool, which has no backward pass: at its next input. */
  @Override
  void forget() {
    accesses.clear();
  }

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaces) {
    assertInputSet(false);
    Require.that(
        accesses.width() > 0,
        title(),
        "readers",
        "at least one PooledMemory",
        "none",
        "call PooledMemory.builder().build().addTo(graph, name, input, pool), or remove the pool");
    return workspaces.create(ArrayType.ACTIVATIONS, dataType, new long[] {input.size(0), 1}, 'c');
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaces) {
    assertInputSet(true);
    if (accesses.isEmpty()) {
      table.backwardOfNothing();
    } else {
      table.backward(accesses.slots(), accesses.weights(), accesses.readGradients());
    }
    forget();
    INDArray none = workspaces.create(ArrayType.ACTIVATION_GRAD, dataType, input.shape(), 'c');
    return new Pair<>(gradients(), none);
  }
}

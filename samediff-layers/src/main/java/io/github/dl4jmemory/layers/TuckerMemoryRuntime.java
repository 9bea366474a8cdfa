package io.github.dl4jmemory.layers;

import static io.github.dl4jmemory.layers.Matrices.addProduct;
import static io.github.dl4jmemory.layers.Matrices.product;

import io.github.dl4jmemory.ops.UltraMemOps;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.custom.SoftMax;
import org.nd4j.linalg.factory.Nd4j;

/** The fused runtime of {@link UltraMem} and {@link UltraMemV2}. */
class TuckerMemoryRuntime extends TokenwiseRuntime<TuckerMemory> {

  private static final long serialVersionUID = 1L;

  private final int heads;
  private final int topK;
  private final int cores;
  private final int blocks;
  private final long valueSize;
  private final transient TuckerKeys keys;
  private final boolean convolves;
  private final transient SingularValueLoss singularValues;
  private final transient ExpandedValues values;
  private final transient PoolTable preValues; // null: none
  private transient Kept kept;
  private transient MemoryBranch branch; // null: the memory works when its turn comes
  private double loss;

  /**
   * What backward needs from forward.
   *
   * @param queried input of the query; null where it is x itself
   * @param found virtual slots [tokens, heads, topK]
   * @param slots rows of the table [tokens, heads*topK], and their blocks
   * @param scores [tokens, heads*topK, cores]
   * @param weights scores, times the products of the pre-values where there are any
   * @param read [tokens, blocks * valueSize]
   */
  private record Kept(
      INDArray queried,
      TuckerKeys.Lookup lookup,
      INDArray found,
      INDArray slots,
      INDArray blocks,
      INDArray scores,
      INDArray weights,
      PreRead preRead,
      INDArray read) {}

  /**
   * What was read of pre-values.
   *
   * @param inputs [tokens, preValueSize]
   * @param products [tokens, heads*topK, 1]
   */
  private record PreRead(INDArray inputs, INDArray products) {}

  TuckerMemoryRuntime(NeuralNetConfiguration conf, DataType dataType, TuckerMemory layer) {
    super(conf, dataType);
    heads = layer.getHeads();
    topK = layer.getTopK();
    cores = layer.getCores();
    blocks = layer.outputBlocks();
    valueSize = layer.getValueSize();
    keys = new TuckerKeys(this, layer);
    convolves = layer.getQueryConvolution() > 0;
    singularValues = SingularValueLoss.of(layer);
    values = layer.tables().values(this, this::startingScores);
    preValues = layer.tables().preValues(this, this::startingScores);
  }

  private StartingScores startingScores() {
    return StartingScores.of(layerConf(), paramTable(false));
  }

  /** The singular-value loss of the last forward pass, where it may be followed by backward. */
  @Override
  final double ownLoss() {
    return loss;
  }

  // ------------------------------------------------------------------------------------- forward

  @Override
  final void forwardOfNothing() {
    loss = 0;
  }

  @Override
  final void forward(INDArray x, INDArray out, boolean keep, LayerWorkspaceMgr workspaces) {
    Room room = new Room(dataType, keep, workspaces);
    begin(keep);
    lookUp(x, convolves ? queried(x, room) : null, out, room);
  }

  /** {@inheritDoc} Beside the layers that follow, where the output is added later on. */
  @Override
  final void fill(INDArray x, INDArray out, boolean keep, LayerWorkspaceMgr workspaces) {
    if (branch == null) {
      super.fill(x, out, keep, workspaces);
      return;
    }
    boolean passesOn = MemoryBranch.passesOn(workspaces);
    if (keep || !branch.isAhead()) {
      settle();
      if (!passesOn) {
        super.fill(x, out, keep, workspaces);
        return;
      }
      begin(keep);
      Room passing = new Room(dataType, false, workspaces);
      branch.start(x, convolves ? queried(x, passing) : null, keep);
    }
    branch.promise(out);
    if (!passesOn) {
      branch.land();
    }
  }

  /**
   * {@inheritDoc} A pass that gives outputs is started here, since other readers of the input may
   * come before this layer; with a convolution it is not, because steps look like whole sequences.
   */
  @Override
  final void inputArrived(LayerWorkspaceMgr workspaces) {
    if (branch != null && !convolves && MemoryBranch.isInference(workspaces)) {
      takeInput();
      if (layout().tokens() > 0) {
        begin(false);
        branch.start(rowsOfInput(), null, false);
      }
    }
  }

  /** In training, the filters follow the cores. */
  private void begin(boolean keep) {
    INDArray coreArray = getParam(TuckerMemory.CORES);
    INDArray filters = getParam(TuckerMemory.FILTERS);
    loss = 0;
    if (keep) {
      filters.assign(UltraMemOps.tuckerFilters(coreArray, filters));
      loss = singularValues.of(coreArray);
    }
  }

  /** Computes the output; what is kept lies outside of workspaces. */
  final void lookUp(INDArray x, INDArray queried, INDArray out, boolean keep) {
    lookUp(x, queried, out, new Room(dataType, keep, LayerWorkspaceMgr.noWorkspacesImmutable()));
  }

  private void lookUp(INDArray x, INDArray queried, INDArray out, Room room) {
    TuckerKeys.Lookup lookup = keys.of(queried == null ? x : queried, room);
    UltraMemOps.TuckerTopK top =
        UltraMemOps.tuckerTopK(
            lookup.query(),
            lookup.keys(),
            getParam(TuckerMemory.CORES),
            getParam(TuckerMemory.FILTERS),
            topK);
    INDArray found = room.keep(top.slots());
    UltraMemOps.ExpandedSlots places = places(bags(found));
    INDArray slots = room.keep(places.slots());
    INDArray slotBlocks = room.keep(places.blocks());
    INDArray scores = room.keep(bagScores(top.scores()));
    PreRead preRead = preValues == null ? null : preRead(x, slots, room);
    INDArray weights = scores;
    if (preRead != null) {
      weights = room.keep(scores.mul(preRead.products()));
    }
    INDArray read = values.read(slots, slotBlocks, weights, blocks);
    read = room.keep(read.reshape('c', x.size(0), blocks * valueSize));
    product(read, getParam(TuckerMemory.OUTPUT), out);
    kept =
        room.keep()
            ? new Kept(queried, lookup, found, slots, slotBlocks, scores, weights, preRead, read)
            : null;
  }

  /** The convolved tokens. */
  INDArray queried(INDArray x, Room room) {
    INDArray out = room.create(x.shape());
    QueryConvolution.forward(x, layout(), getParam(TuckerMemory.CONVOLUTION), out);
    return out;
  }

  private INDArray bags(INDArray perHead) {
    return perHead.reshape('c', perHead.size(0), (long) heads * topK);
  }

  /** Rows and blocks of virtual slots; with one projection for all blocks, they count as one. */
  private UltraMemOps.ExpandedSlots places(INDArray virtualSlots) {
    TuckerMemory layer = layerConf();
    UltraMemOps.ExpandedSlots places =
        UltraMemOps.expandSlots(
            virtualSlots, layer.getSlots(), layer.getExpansion(), layer.getPermutationSeed());
    return blocks > 1
        ? places
        : new UltraMemOps.ExpandedSlots(places.slots(), places.blocks().assign(0));
  }

  private INDArray bagScores(INDArray scores) {
    if (layerConf().isSoftmax()) {
      Nd4j.exec(new SoftMax(scores, scores, 2));
    }
    return scores.reshape('c', scores.size(0), (long) heads * topK, cores);
  }

  private PreRead preRead(INDArray x, INDArray slots, Room room) {
    INDArray inputs = room.create(x.size(0), layerConf().preValueWidth());
    product(x, getParam(TuckerMemory.PRE_INPUT), inputs);
    INDArray products = room.create(slots.shape());
    preValues.weightGradient(slots, inputs, products); // <P[row], input> is the same sum
    return new PreRead(inputs, products.reshape('c', x.size(0), (long) heads * topK, 1));
  }

  // ------------------------------------------------------------------------------------ backward

  @Override
  final void backward(INDArray x, INDArray outGradient, INDArray xGradient) {
    product(kept.read().transpose(), outGradient, gradientOf(TuckerMemory.OUTPUT));
    INDArray readGradient = Nd4j.createUninitialized(dataType, x.size(0), blocks * valueSize);
    product(outGradient, getParam(TuckerMemory.OUTPUT).transpose(), readGradient);
    INDArray weightGradient =
        values.backward(
            kept.slots(),
            kept.blocks(),
            kept.weights(),
            readGradient.reshape('c', x.size(0), blocks, valueSize));
    INDArray inputGradient = preValues == null ? null : preValuesBackward(x, weightGradient);
    lookupBackward(x, weightGradient, xGradient);
    if (inputGradient != null) {
      addProduct(inputGradient, getParam(TuckerMemory.PRE_INPUT).transpose(), xGradient);
    }
    gradientOf(TuckerMemory.FILTERS).assign(0);
  }

  /** Turns the gradient of the weights into that of the scores; returns that of x Wp. */
  private INDArray preValuesBackward(INDArray x, INDArray weightGradient) {
    PreRead preRead = kept.preRead();
    INDArray productGradient = Matrices.contiguous(weightGradient.mul(kept.scores()).sum(2));
    weightGradient.muli(preRead.products());
    preValues.backward(kept.slots(), productGradient, preRead.inputs());
    INDArray inputGradient = Nd4j.createUninitialized(dataType, preRead.inputs().shape());
    preValues.read(kept.slots(), productGradient, inputGradient);
    product(x.transpose(), inputGradient, gradientOf(TuckerMemory.PRE_INPUT));
    return inputGradient;
  }

  /** From the gradient of the scores to that of x; C, K, gains, Wq and Wc on the way. */
  private void lookupBackward(INDArray x, INDArray scoreGradient, INDArray xGradient) {
    long tokens = x.size(0);
    INDArray perHead = scoreGradient.reshape('c', tokens, heads, topK, cores);
    if (layerConf().isSoftmax()) { // ds = w (dw - <w, dw>)
      INDArray weights = kept.scores().reshape('c', tokens, heads, topK, cores);
      perHead.subi(perHead.mul(weights).sum(true, 2)).muli(weights);
    }
    INDArray coreArray = getParam(TuckerMemory.CORES);
    UltraMemOps.TuckerTopKGradient gradient =
        UltraMemOps.tuckerTopKGradient(
            kept.lookup().query(), kept.lookup().keys(), coreArray, kept.found(), perHead);
    double divisor = conf.isMiniBatch() ? getInputMiniBatchSize() : 1; // DL4J is to divide by it
    INDArray coreGradient = gradientOf(TuckerMemory.CORES).assign(gradient.cores());
    singularValues.addGradient(coreArray, divisor, coreGradient);
    INDArray projected = keys.backward(kept.lookup(), gradient.query(), gradient.keys());
    INDArray queried = convolves ? kept.queried() : x;
    product(queried.transpose(), projected, gradientOf(TuckerMemory.QUERY));
    product(projected, getParam(TuckerMemory.QUERY).transpose(), xGradient);
    if (convolves) {
      QueryConvolution.backward(
          x,
          layout(),
          xGradient,
          getParam(TuckerMemory.CONVOLUTION),
          gradientOf(TuckerMemory.CONVOLUTION));
    }
  }

  @Override
  final void backwardOfNothing() {
    values.backwardOfNothing();
    if (preValues != null) {
      preValues.backwardOfNothing();
    }
    paramTable(true).keySet().stream()
        .filter(key -> !rowTables().containsKey(key))
        .forEach(key -> gradientOf(key).assign(0));
  }

  @Override
  final void fillGradients(INDArray epsilon, INDArray inputGradient, LayerWorkspaceMgr workspaces) {
    if (branch == null || !branch.landBackward(inputGradient)) {
      super.fillGradients(epsilon, inputGradient, workspaces);
    }
  }

  @Override
  final void drop() {
    if (branch == null || !branch.isBusy()) {
      kept = null;
    }
  }

  // -------------------------------------------------------------------- beside the other layers

  /** From now on it works beside the layers that follow, until who calls this has it land. */
  final MemoryBranch workBeside() {
    if (branch == null) {
      branch = new MemoryBranch(this);
    }
    return branch;
  }

  @Override
  final void settle() {
    if (branch != null) {
      branch.settle();
    }
  }

  /** The output is there; what was kept goes if the pass was forgotten meanwhile. */
  final void landed() {
    if (!mayGoBack()) {
      drop();
    }
  }

  /** Arrays of the forward pass: kept until backward, or gone with the layer's working memory. */
  record Room(DataType dataType, boolean keep, LayerWorkspaceMgr workspaces) {

    INDArray create(long... shape) {
      return keep
          ? workspaces.createUninitialized(ArrayType.ACTIVATIONS, dataType, shape, 'c')
          : Nd4j.createUninitialized(dataType, shape, 'c');
    }

    /** The array itself, or a copy that outlives the pass. */
    INDArray keep(INDArray array) {
      return keep ? workspaces.leverageTo(ArrayType.ACTIVATIONS, array) : array;
    }
  }
}

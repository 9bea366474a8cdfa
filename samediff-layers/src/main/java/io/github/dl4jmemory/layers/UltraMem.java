package io.github.dl4jmemory.layers;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A memory of subKeys² value rows, each at several virtual slots, that is found by
 * Tucker-decomposed keys:
 *
 * <pre>
 *   q[h, side, a]   = part of x Wq                  keySize / rank features for each rank a
 *   S[h, side, a, i] = &lt;q[h, side, a], K[h, side, a, i]&gt;      i &lt; sqrt(expansion) * subKeys
 *   rows, columns   = the topK best i by sum over a of F[h, side, a] * S[h, side, a, i]
 *   s[p](i, j)      = sum over a, b of S[h, 0, a, i] * C[h, p, a, b] * S[h, 1, b, j]      core p
 *   slots           = the topK best (i, j) of rows x columns by sum over p of s[p]
 *   v               = permutation(i * sqrt(expansion) * subKeys + j),  row = v mod subKeys²,  block e = v / subKeys²
 *   z[e]            = sum over heads and slots of block e of [s[1] * V[row, slice 1] | ... | s[cores] * V[row, slice cores]]
 *   out             = sum over e of z[e] Wo[e]
 * </pre>
 *
 * <p>So every value row stands at {@code expansion} virtual slots, in each as another vector,
 * V[row] Wo[e]; no expanded table is made. Scores weigh values as they are, also negative ones;
 * with {@code softmax} they go through a softmax over the topK slots of a head first, for each
 * core.
 *
 * <p>The filters F [heads, 2, rank] are the leading singular vectors of the sum of a head's cores.
 * A forward pass in training computes them anew, with the sign nearer to the one before; other
 * passes take them as they are. They are no trained parameter (no gradient, no updater), but are
 * saved with the others.
 *
 * <p>With {@code queryKeyNorm} (the default) the parts of queries and the keys are divided by their
 * root mean square and multiplied by learned gains, gq [rank, keySize/rank] for queries of both
 * sides and all heads, gk likewise for keys. The normalisation is that of the vectors which a dot
 * product takes. With {@code queryConvolution} the query alone sees {@code sum over k of Wc[k] *
 * x[t - taps + 1 + k]} instead of x[t]: steps before the first, and masked steps, count as zeros,
 * and without a time axis only the last tap is used; {@code rnnTimeStep} remembers the steps that
 * the taps still see, and truncated backpropagation is refused.
 *
 * <p>In training the layer adds a loss to the score of the network that keeps the cores near rank
 * 1, so that the filters find what the cores like:
 *
 * <pre>
 *   singularValueLoss / (rank - 1) * mean over heads of sum over i &gt; 1 of max(0, lambda[i] - margin)²
 * </pre>
 *
 * <p>with the singular values lambda of the sum of a head's cores, in descending order. The score
 * of data that is not trained on does not contain it.
 *
 * <p>Parameters: Wq [nIn, 2*keySize] (with sharedQuery(false) [nIn, heads*2*keySize]) and K [heads,
 * 2, rank, sqrt(expansion)*subKeys, keySize/rank] normal with deviation 1/sqrt(keySize/rank); C
 * [heads, cores, rank, rank] uniform in 0 to 1; gk 1/sqrt(keySize/rank), and gq such that the mean
 * score at the start is 1, by simulation with the keys and cores drawn; Wc [taps, nIn] the
 * identity; V [subKeys², valueSize] normal with variance expansion / (2 * topK * heads *
 * transformerLayers), with softmax 1/valueSize; Wo [expansion*valueSize, nOut] normal with variance
 * 1/(expansion * valueSize). The output then has a variance of about 1 / (2 * transformerLayers).
 *
 * <p>In a MultiLayerNetwork or ComputationGraph V is trained by the rows that a step reads, like
 * that of {@link ProductKeyMemory}: lazy Adam or SGD with a learning rate of its own, no
 * regularisation, no gradient normalisation. With a {@link TuckerMemoryBuilder#file file} it is in
 * that file, and the parameter FV [1, 20] in its place is the fingerprint of the file.
 *
 * <p>Cost per token, in multiply-adds: 2*nIn*keySize (times heads without sharedQuery) +
 * 2*heads*sqrt(expansion)*subKeys*(keySize + rank) + heads*topK²*rank*(cores + 1) +
 * heads*topK*valueSize + expansion*valueSize*nOut; the squares of the keys are summed on the way.
 *
 * <p>Source: Huang et al., Ultra-Sparse Memory Network, arXiv 2411.12364: section 3 (retrieval,
 * implicit value expansion, multi-core scoring; its queries and keys are split between the ranks)
 * and section 4 (initialisation). The filters' sign is that of the authors' program, the
 * permutation's formula ours.
 */
public final class UltraMem extends TuckerMemory {

  private static final long serialVersionUID = 1L;

  /** For Jackson. */
  private UltraMem() {}

  private UltraMem(Builder builder) {
    super(builder);
  }

  /**
   * Settings at their defaults.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Whether all heads ask with one query.
   *
   * @return sharedQuery
   */
  public boolean isSharedQuery() {
    return sharesQuery();
  }

  @Override
  long rankKeySize() {
    return getKeySize() / getRank();
  }

  @Override
  int outputBlocks() {
    return getExpansion();
  }

  @Override
  long preValueWidth() {
    return 0;
  }

  @Override
  long defaultValueSize() {
    return getNOut() / 2;
  }

  @Override
  double valuesDeviation(StartingScores scores) {
    double accesses = (double) getTopK() * getHeads();
    return Math.sqrt(
        isSoftmax()
            ? 1.0 / getValueSize()
            : getExpansion() / (2 * accesses * getTransformerLayers()));
  }

  @Override
  void initializeValues(Map<String, INDArray> params, StartingScores scores) {
    tables().initialise(params, VALUES, valuesDeviation(scores));
    double fanIn = (double) getExpansion() * getValueSize();
    ProductKeyLookup.normal(params.get(OUTPUT), 1 / Math.sqrt(fanIn));
  }

  /** Settings of an {@link UltraMem}; {@link #build} checks them against each other. */
  @SuppressWarnings("unchecked") // DL4J declares <E extends Layer> E build()
  public static final class Builder extends TuckerMemoryBuilder<Builder> {

    private Builder() {
      super(2, 42, 0.001);
    }

    /**
     * Heads; default 2. Every head has keys and cores of its own and reads topK slots of the one
     * table.
     *
     * @param heads at least 1
     * @return this builder
     * @throws IllegalArgumentException if heads is not positive
     */
    public Builder heads(int heads) {
      Require.positive(heads, layerTitle(), "heads", "use heads(2)");
      this.heads = heads;
      return this;
    }

    /**
     * Whether all heads ask with one query; default true.
     *
     * @param sharedQuery false for a query of each head
     * @return this builder
     */
    public Builder sharedQuery(boolean sharedQuery) {
      this.sharedQuery = sharedQuery;
      return this;
    }

    /**
     * Whether scores go through a softmax over the topK slots of a head; default false. The paper
     * is better without; it is for comparison.
     *
     * @param softmax true for weights that sum to 1
     * @return this builder
     */
    public Builder softmax(boolean softmax) {
      this.softmax = softmax;
      return this;
    }

    @Override
    String layerTitle() {
      return "UltraMem";
    }

    /**
     * Checks the settings and makes the layer.
     *
     * @return the configuration of the layer
     * @throws IllegalArgumentException if a setting is out of range, or settings contradict
     */
    @Override
    public UltraMem build() {
      requireSettings();
      Require.that(
          keySize % rank == 0,
          layerTitle(),
          "keySize",
          "a multiple of rank = " + rank,
          keySize,
          "change keySize(...) or rank(...)");
      return new UltraMem(this);
    }
  }
}

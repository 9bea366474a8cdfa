package io.github.dl4jmemory.layers;

import java.util.Map;
import java.util.function.Supplier;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;

/**
 * The tables of a {@link TuckerMemory}, V and, where it has pre-values, P: parameters of the
 * network, or files, of which parameters hold the fingerprints.
 */
record TuckerTables(TuckerMemory layer) {

  /** In place of V, of a table in a file. */
  private static final String VALUES_FILE = "FV";

  /** In place of P, of a table in a file. */
  private static final String PRE_VALUES_FILE = "FP";

  private static final Map<String, String> FINGERPRINTS =
      Map.of(TuckerMemory.VALUES, VALUES_FILE, TuckerMemory.PRE_VALUES, PRE_VALUES_FILE);

  /** Whether the updater of a parameter is that of the values. */
  static boolean isTable(String key) {
    return FINGERPRINTS.containsKey(key) || FINGERPRINTS.containsValue(key);
  }

  /** Adds a table, or the fingerprint of its file, to the parameters. */
  void define(SDLayerParams params, String key, long valueSize) {
    if (layer.getFile() == null) {
      params.addWeightParam(key, layer.getSlots(), valueSize);
    } else {
      params.addBiasParam(FINGERPRINTS.get(key), 1, PoolFingerprint.LENGTH);
    }
  }

  /** Draws a table, or leaves it to who makes its file. */
  void initialise(Map<String, INDArray> params, String key, double deviation) {
    if (layer.getFile() == null) {
      ProductKeyLookup.normal(params.get(key), deviation);
    } else {
      params.get(FINGERPRINTS.get(key)).assign(0);
    }
  }

  /** The values, for a runtime; a row of a file is the slice of a core. */
  ExpandedValues values(LayerRuntime<?> runtime, Supplier<StartingScores> scores) {
    int cores = layer.getCores();
    if (layer.getFile() == null) {
      return new ExpandedTable(runtime.rowTable(TuckerMemory.VALUES, cores), cores);
    }
    long rows = layer.getSlots() * cores;
    long size = layer.getValueSize() / cores;
    return new ExpandedFile(
        runtime.fileTable(stored(VALUES_FILE, layer.getFile(), rows, size, scores)), cores);
  }

  /** The pre-values, for a runtime; null for a layer without. */
  PoolTable preValues(LayerRuntime<?> runtime, Supplier<StartingScores> scores) {
    if (layer.preValueWidth() == 0) {
      return null;
    }
    if (layer.getFile() == null) {
      return runtime.rowTable(TuckerMemory.PRE_VALUES);
    }
    String path = layer.getFile() + ".pre";
    return runtime.fileTable(
        stored(PRE_VALUES_FILE, path, layer.getSlots(), layer.preValueWidth(), scores));
  }

  private StoredTable stored(
      String key, String path, long rows, long size, Supplier<StartingScores> scores) {
    boolean moments = layer.getUpdaterByParam(key) instanceof Adam;
    return new StoredTable(
        key,
        path,
        new PoolLayout(rows, size, layer.getStorage(), moments),
        () -> layer.getUpdaterByParam(key),
        () -> layer.valuesDeviation(scores.get()));
  }
}

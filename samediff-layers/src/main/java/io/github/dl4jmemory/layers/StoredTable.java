package io.github.dl4jmemory.layers;

import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * A value table that is kept in a file instead of in a parameter.
 *
 * @param key the parameter that holds the fingerprint of the file
 * @param path of the file
 * @param layout its sizes and storage
 * @param updater of the rows
 * @param deviation of the values of a new file
 */
record StoredTable(
    String key,
    String path,
    PoolLayout layout,
    Supplier<IUpdater> updater,
    DoubleSupplier deviation) {

  /** Refuses a network whose steps a file cannot follow. */
  static void requireTraining(String title, NeuralNetConfiguration conf, DataType dataType) {
    Require.that(
        dataType == DataType.FLOAT,
        title,
        "dataType",
        "FLOAT for a table in a file",
        dataType,
        "set dataType(DataType.FLOAT) in NeuralNetConfiguration.Builder");
    Require.that(
        conf.getOptimizationAlgo() == OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT,
        title,
        "optimizationAlgo",
        "STOCHASTIC_GRADIENT_DESCENT, which takes no step back, for a table in a file",
        conf.getOptimizationAlgo(),
        "leave optimizationAlgo out of the network's configuration");
  }
}

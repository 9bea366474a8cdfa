package io.github.dl4jmemory.zoo;

import io.github.dl4jmemory.layers.RowSparseTraining;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;

/**
 * A learning rate for going on with a network whose own has fallen to zero: from its present
 * iteration it rises again and falls over so many steps.
 */
record FreshSchedule(double peak, int warmup, int steps) {

  /** A copy of the network with this rate for all layers; parameters and updater state stay. */
  ComputationGraph on(ComputationGraph network) throws IOException {
    WarmupDecay schedule = new WarmupDecay(peak, warmup, steps, network.getIterationCount());
    ComputationGraph changed = copy(network);
    for (Layer layer : changed.getLayers()) {
      if (layer.conf().getLayer() instanceof AbstractSameDiffLayer own) {
        own.getUpdater().setLrAndSchedule(peak, schedule);
      }
    }
    ComputationGraph fresh = copy(changed); // updaters are made of the settings when it is read
    RowSparseTraining.attach(fresh);
    return fresh;
  }

  private static ComputationGraph copy(ComputationGraph network) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ModelSerializer.writeModel(network, bytes, true);
    return ModelSerializer.restoreComputationGraph(
        new ByteArrayInputStream(bytes.toByteArray()), true);
  }
}

package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.function.UnaryOperator;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.util.ModelSerializer;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** The zip of a network, with its pool files in other places. */
final class ModelZip {

  private ModelZip() {}

  /** Copies a zip; the path of every pool file is replaced. */
  static void relocate(Path from, Path to, UnaryOperator<String> place) throws IOException {
    try (ZipFile zip = new ZipFile(from.toFile());
        ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(to))) {
      for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
        ZipEntry entry = all.nextElement();
        out.putNextEntry(new ZipEntry(entry.getName()));
        try (InputStream in = zip.getInputStream(entry)) {
          if (entry.getName().equals(ModelSerializer.CONFIGURATION_JSON)) {
            String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            out.write(relocated(json, place).getBytes(StandardCharsets.UTF_8));
          } else {
            in.transferTo(out);
          }
        }
        out.closeEntry();
      }
    }
  }

  private static String relocated(String json, UnaryOperator<String> place) throws IOException {
    if (new ObjectMapper().readTree(json).has("confs")) { // the layers of a MultiLayerNetwork
      MultiLayerConfiguration conf = MultiLayerConfiguration.fromJson(json);
      conf.getConfs().forEach(layer -> relocate(layer.getLayer(), place));
      return conf.toJson();
    }
    ComputationGraphConfiguration conf = ComputationGraphConfiguration.fromJson(json);
    conf.getVertices()
        .values()
        .forEach(
            vertex -> {
              if (vertex instanceof LayerVertex layer) {
                relocate(layer.getLayerConf().getLayer(), place);
              }
            });
    return conf.toJson();
  }

  private static void relocate(Layer layer, UnaryOperator<String> place) {
    Layer inside = layer;
    while (inside instanceof FrozenLayer frozen) {
      inside = frozen.getLayer();
    }
    if (inside instanceof DefinedLayer defined) {
      defined.relocate(place);
    }
  }
}

package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;

/**
 * Saving, restoring, copying and closing of networks whose value tables are in files ({@link
 * MemoryPool.Builder#file}, {@link TuckerMemoryBuilder#file}). A saved model is DL4J's zip and the
 * files; the zip names the state of every file, and is restored with files in that state or not at
 * all. A network is a ComputationGraph or a MultiLayerNetwork.
 */
public final class PoolFiles {

  private static final String TITLE = "PoolFiles";

  private PoolFiles() {}

  /**
   * Saves a checkpoint: the zip, with updater state, as {@link ModelSerializer} writes it, and the
   * network's pool files as they are now. It takes the place of the checkpoint before at the moment
   * at which the zip gets its name, which happens as one: a process that dies at any moment leaves
   * either the one or the other. When this method returns, the checkpoint is on the disk.
   *
   * <p>Cost: what has changed in the files since the checkpoint before is written to the disk, and
   * the zip; nothing is copied.
   *
   * @param network network with any number of tables; those without a file are in the zip
   * @param zip file to write; replaced if it exists
   * @throws IOException if something cannot be written; the checkpoint before is still good then
   */
  public static void save(Model network, Path zip) throws IOException {
    List<FileTable> tables = tables(network);
    Path writing = beside(zip);
    try {
      for (FileTable table : tables) {
        table.prepare();
      }
      ModelSerializer.writeModel(network, writing.toFile(), true);
      publish(writing, zip);
      commit(tables, zip);
    } finally {
      Files.deleteIfExists(writing);
      tables.forEach(FileTable::endSaving);
    }
  }

  private static void commit(List<FileTable> tables, Path zip) throws IOException {
    try {
      forceFolder(zip);
      for (FileTable table : tables) {
        table.commit();
      }
    } catch (IOException | RuntimeException e) {
      tables.forEach(FileTable::close); // the zip is the truth now; restoring it ends the commit
      throw e;
    }
  }

  /**
   * Saves a copy of the network as it is now: the zip, and beside it copies of the pool files under
   * their own names, as files of their own, with which the copy can be restored and trained while
   * this network goes on. The network's own files and its last checkpoint stay as they are.
   *
   * @param network network to copy
   * @param zip file to write, in another folder than the pool files; replaced if it exists
   * @throws IOException if something cannot be written
   * @throws IllegalArgumentException if a file of a pool's name is beside the zip already
   */
  public static void saveCopy(Model network, Path zip) throws IOException {
    List<FileTable> tables = tables(network);
    Path writing = beside(zip);
    try {
      for (FileTable table : tables) {
        table.copyTo(placeBeside(zip, table.path()));
      }
      Path here = Files.createTempFile(writing.getParent(), "model", ".zip");
      try {
        ModelSerializer.writeModel(network, here.toFile(), true);
        ModelZip.relocate(here, writing, file -> placeBeside(zip, file));
      } finally {
        Files.delete(here);
      }
      publish(writing, zip);
      forceFolder(zip);
    } finally {
      Files.deleteIfExists(writing);
      tables.forEach(FileTable::endSaving);
    }
  }

  private static String placeBeside(Path zip, String file) {
    return zip.resolveSibling(Path.of(file).getFileName()).toString();
  }

  private static Path beside(Path zip) {
    Path target = zip.toAbsolutePath();
    return target.resolveSibling(target.getFileName() + ".new");
  }

  private static void publish(Path writing, Path zip) throws IOException {
    Channels.force(writing, StandardOpenOption.WRITE);
    Files.move(writing, zip.toAbsolutePath(), StandardCopyOption.ATOMIC_MOVE);
  }

  private static void forceFolder(Path zip) throws IOException {
    Channels.force(zip.toAbsolutePath().getParent(), StandardOpenOption.READ);
  }

  /**
   * Restores a saved ComputationGraph, its pool files being where they were: as DL4J's own {@code
   * ModelSerializer.restoreComputationGraph(file, true)}, which does as well. What a training that
   * ended without saving has changed in the files is undone.
   *
   * @param zip file that {@link #save} wrote
   * @return the network, which alone uses the files until {@link #close}
   * @throws IOException if a file cannot be read
   * @throws IllegalArgumentException if a pool file is missing, in use, not whole, another one, of
   *     other sizes, or at another checkpoint than the zip names; nothing was changed then
   */
  public static ComputationGraph restore(Path zip) throws IOException {
    return ModelSerializer.restoreComputationGraph(zip.toFile(), true);
  }

  /**
   * {@link #restore(Path)} where the pool files are in another folder than they were, under their
   * names.
   *
   * @param zip file that {@link #save} wrote
   * @param folder folder of the pool files
   * @return the network, which names the files where they are now, and alone uses them
   * @throws IOException if a file cannot be read
   * @throws IllegalArgumentException as {@link #restore(Path)}
   */
  public static ComputationGraph restore(Path zip, Path folder) throws IOException {
    return moved(zip, folder, PoolFiles::restore);
  }

  /**
   * {@link #restore(Path)} of a MultiLayerNetwork.
   *
   * @param zip file that {@link #save} wrote
   * @return the network, which alone uses the files until {@link #close}
   * @throws IOException if a file cannot be read
   * @throws IllegalArgumentException as {@link #restore(Path)}
   */
  public static MultiLayerNetwork restoreMultiLayerNetwork(Path zip) throws IOException {
    return ModelSerializer.restoreMultiLayerNetwork(zip.toFile(), true);
  }

  /**
   * {@link #restore(Path, Path)} of a MultiLayerNetwork.
   *
   * @param zip file that {@link #save} wrote
   * @param folder folder of the pool files
   * @return the network, which names the files where they are now, and alone uses them
   * @throws IOException if a file cannot be read
   * @throws IllegalArgumentException as {@link #restore(Path)}
   */
  public static MultiLayerNetwork restoreMultiLayerNetwork(Path zip, Path folder)
      throws IOException {
    return moved(zip, folder, PoolFiles::restoreMultiLayerNetwork);
  }

  private interface Restoring<T> {
    T from(Path zip) throws IOException;
  }

  private static <T> T moved(Path zip, Path folder, Restoring<T> restoring) throws IOException {
    Path moved = Files.createTempFile("model", ".zip");
    try {
      ModelZip.relocate(zip, moved, file -> folder.resolve(Path.of(file).getFileName()).toString());
      return restoring.from(moved);
    } finally {
      Files.delete(moved);
    }
  }

  /**
   * Ends the use of a network's pool files: another network can open them, and this one refuses to
   * go on. What was not saved is undone when the last checkpoint is restored.
   *
   * @param network network to close; may be closed already
   */
  public static void close(Model network) {
    tables(network).forEach(FileTable::close);
  }

  private static List<FileTable> tables(Model network) {
    List<FileTable> tables = new ArrayList<>();
    for (Layer layer : layers(network)) {
      Layer inside = layer;
      while (inside instanceof BaseWrapperLayer wrapper) {
        inside = wrapper.getUnderlying();
      }
      if (inside instanceof LayerRuntime<?> runtime) {
        tables.addAll(runtime.fileTables());
      }
    }
    return tables;
  }

  private static Layer[] layers(Model network) {
    if (network instanceof MultiLayerNetwork layers) {
      return layers.getLayers();
    }
    Require.that(
        network instanceof ComputationGraph,
        TITLE,
        "network",
        "a network",
        network == null ? "null" : network.getClass().getSimpleName(),
        "pass a ComputationGraph or a MultiLayerNetwork");
    return ((ComputationGraph) network).getLayers();
  }
}

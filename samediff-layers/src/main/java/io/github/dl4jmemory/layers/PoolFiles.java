package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.util.ModelSerializer;

/**
 * Saving, restoring, copying and closing of networks whose {@link MemoryPool}s keep their rows in
 * files ({@link MemoryPool.Builder#file}). A saved model is DL4J's zip and the files; the zip names
 * the state of every file, and is restored with files in that state or not at all.
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
   * @param network network with any number of pools; those without a file are in the zip
   * @param zip file to write; replaced if it exists
   * @throws IOException if something cannot be written; the checkpoint before is still good then
   */
  public static void save(ComputationGraph network, Path zip) throws IOException {
    Require.that(network != null, TITLE, "network", "a network", network, "pass a network");
    List<FileTable> tables = tables(network);
    Path target = zip.toAbsolutePath();
    Path writing = target.resolveSibling(target.getFileName() + ".new");
    try {
      for (FileTable table : tables) {
        table.prepare();
      }
      ModelSerializer.writeModel(network, writing.toFile(), true);
      Channels.force(writing, StandardOpenOption.WRITE);
      Files.move(writing, target, StandardCopyOption.ATOMIC_MOVE);
      Channels.force(target.getParent(), StandardOpenOption.READ);
      for (FileTable table : tables) {
        table.commit();
      }
    } finally {
      tables.forEach(FileTable::endSaving);
    }
  }

  /**
   * Restores a saved model, its pool files being where they were: as DL4J's own {@code
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
   * Ends the use of a network's pool files: another network can open them, and this one refuses to
   * go on. What was not saved is undone when the last checkpoint is restored.
   *
   * @param network network to close; may be closed already
   */
  public static void close(ComputationGraph network) {
    tables(network).forEach(FileTable::close);
  }

  private static List<FileTable> tables(ComputationGraph network) {
    List<FileTable> tables = new ArrayList<>();
    for (Layer layer : network.getLayers()) {
      Layer inside = layer;
      while (inside instanceof BaseWrapperLayer wrapper) {
        inside = wrapper.getUnderlying();
      }
      if (inside instanceof MemoryPoolRuntime pool && pool.fileTable() != null) {
        tables.add(pool.fileTable());
      }
    }
    return tables;
  }
}

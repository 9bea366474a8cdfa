package io.github.dl4jmemory.layers;

import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How a memory works beside the layers between the vertex that it reads and the one that adds its
 * output. In a forward pass the memory starts the work as soon as it can, and its vertex gives an
 * array that is not filled yet; the adding vertex has it filled before it reads. In a backward pass
 * the adding vertex starts the work and the memory's vertex waits for it.
 *
 * <p>The thread touches neither DL4J's workspaces nor what lies in them: it works on copies of the
 * tokens, and its results are copied by those who wait. So a pass that is broken off before the
 * adding vertex leaves nothing that could do harm; the next one waits until the thread has ended.
 * All methods belong to the thread that runs the network.
 */
final class MemoryBranch {

  private final TuckerMemoryRuntime memory;
  private final BranchThread thread;
  private final KeptArray tokens = new KeptArray();
  private final KeptArray queried = new KeptArray();
  private final KeptArray output = new KeptArray();
  private final KeptArray outGradient = new KeptArray();
  private final KeptArray inputGradient = new KeptArray();
  private INDArray x; // of the forward pass that ran here; null: none since the last settle()
  private INDArray result; // of it, while nobody was promised it; else null
  private Runnable delivery; // of the output that is awaited; null: none
  private INDArray xGradient; // that is awaited; null: none

  MemoryBranch(TuckerMemoryRuntime memory) {
    this.memory = memory;
    thread = new BranchThread(memory.title());
  }

  /**
   * Whether activations go where DL4J keeps them between two vertices, and reads them nowhere else.
   * They do not where it collects activations, or gives this memory's to the user: there the array
   * must be full when the vertex returns it.
   */
  static boolean passesOn(LayerWorkspaceMgr workspaces) {
    return isInference(workspaces) || activations(workspaces).equals("WS_ALL_LAYERS_ACT");
  }

  /** Whether that is so in a pass that gives outputs, and keeps nothing for a backward pass. */
  static boolean isInference(LayerWorkspaceMgr workspaces) {
    return activations(workspaces).startsWith("WS_LAYER_ACT_");
  }

  private static String activations(LayerWorkspaceMgr workspaces) {
    String name =
        workspaces.isScopedOut(ArrayType.ACTIVATIONS)
            ? null
            : workspaces.getWorkspaceName(ArrayType.ACTIVATIONS);
    return name == null ? "" : name;
  }

  /** Waits for the work of a pass that was broken off, and forgets the last pass. */
  void settle() {
    thread.abandon();
    result = null;
    delivery = null;
    xGradient = null;
    x = null;
  }

  /**
   * Starts a forward pass.
   *
   * @param input [tokens, nIn]
   * @param convolved the input of the query; null where it is the same
   * @param keep whether backward may follow
   */
  void start(INDArray input, INDArray convolved, boolean keep) {
    INDArray copy = tokens.keep(input);
    INDArray query = convolved == null ? null : queried.keep(convolved);
    INDArray rows = output.room(copy.dataType(), copy.size(0), memory.layerConf().getNOut());
    thread.start(() -> memory.lookUp(copy, query, rows, keep));
    x = copy;
    result = rows;
  }

  /** Whether a forward pass was started that is promised to nobody yet. */
  boolean isAhead() {
    return result != null;
  }

  /** What was started will be put into this array, as DL4J takes it, by {@link #land}. */
  void promise(INDArray out) {
    INDArray rows = result;
    TokenLayout layout = memory.layout();
    result = null;
    delivery = () -> layout.scatter(rows, out);
  }

  /** Waits for the output that was promised, if any, and fills its array. */
  void land() {
    if (delivery != null) {
      Runnable fill = delivery;
      delivery = null;
      thread.join();
      fill.run();
      memory.landed();
    }
  }

  boolean isBusy() {
    return thread.isBusy();
  }

  /** Starts the backward pass, where the forward pass ran here too. */
  void startBackward(INDArray epsilon) {
    if (x == null || delivery != null || !memory.mayGoBack() || epsilon == null) {
      return;
    }
    INDArray copy = x;
    INDArray gradient =
        outGradient.keep(memory.layout().rows(epsilon.castTo(memory.params().dataType())));
    INDArray rows = inputGradient.room(gradient.dataType(), copy.shape());
    thread.start(() -> memory.backward(copy, gradient, rows));
    xGradient = rows;
  }

  /** Waits for the backward pass and fills the gradient of the input; false: none was started. */
  boolean landBackward(INDArray target) {
    if (xGradient == null) {
      return false;
    }
    INDArray rows = xGradient;
    xGradient = null;
    thread.join();
    memory.layout().scatter(rows, target);
    return true;
  }
}

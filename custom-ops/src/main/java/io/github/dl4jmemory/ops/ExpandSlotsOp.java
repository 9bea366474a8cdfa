package io.github.dl4jmemory.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The op expand_slots of a SameDiff graph; {@link SDUltraMem#expandSlots} adds it. Public for
 * SameDiff, which makes it when a graph is loaded.
 */
public final class ExpandSlotsOp extends MemoryOp {

  static final String NAME = "expand_slots";

  /** For SameDiff, which then sets inputs and arguments. */
  public ExpandSlotsOp() {}

  ExpandSlotsOp(
      SameDiff sameDiff, SDVariable virtualSlots, int slotCount, int expansion, int seed) {
    super(sameDiff, virtualSlots);
    addIArgument(slotCount);
    addIArgument(expansion);
    addIArgument(seed);
  }

  ExpandSlotsOp(INDArray virtualSlots, int slotCount, int expansion, int seed) {
    super(new INDArray[] {virtualSlots}, null);
    addIArgument(slotCount);
    addIArgument(expansion);
    addIArgument(seed);
  }

  @Override
  public String opName() {
    return NAME;
  }

  @Override
  int inputs() {
    return 1;
  }

  @Override
  public int getNumOutputs() {
    return 2;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> types) {
    requireInputs(types);
    requireIndexType(types, 0);
    return List.of(DataType.INT64, DataType.INT64);
  }

  /** Slots have no gradient. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    return List.of(sameDiff.zerosLike(arg(0)));
  }
}

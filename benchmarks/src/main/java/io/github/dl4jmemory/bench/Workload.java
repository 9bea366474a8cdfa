package io.github.dl4jmemory.bench;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Something that is timed, with its inputs made. */
interface Workload {

  /** Does it once; iterations count from 0. */
  void run(int iteration);

  /** What the last run left, to be compared with the peer's: FLOAT or LONG arrays. */
  Map<String, INDArray> results();

  /** The array whose memory is read in sequence as the measure of the machine's bandwidth. */
  default INDArray table() {
    throw new UnsupportedOperationException("this workload has no table");
  }

  /**
   * Bytes of the table that an iteration has to read: unless said otherwise, the rows of its bags.
   */
  default long bytesRead(Shape shape) {
    return (long) shape.accesses() * shape.valueSize() * Float.BYTES;
  }

  /** The workload of a name, at a shape. */
  static Workload named(String name, Shape shape) {
    return switch (name) {
      case "lookup" -> new Lookup(shape);
      case "bag" -> new Bag(shape);
      case "group" -> new Group(shape);
      case "table-step" -> new TableStep(shape);
      case "row-update" -> new RowUpdate(shape);
      case "pool-step" -> new PoolStep(shape);
      case "pool-stretch" -> PoolStretch.plain(shape);
      case "watched-stretch" -> PoolStretch.watched(shape);
      case "reads-and-update" -> new ReadsAndUpdate(shape);
      case "experts-decode" -> new ExpertsDecode(shape);
      case "dense-decode" -> FeedForwardDecode.dense(shape);
      case "ultramem-decode" -> FeedForwardDecode.ultraMem(shape);
      case "ultramem-steps" -> new UltraMemSteps(shape, false);
      case "ultramem-steps-asynchronous" -> new UltraMemSteps(shape, true);
      case "tucker-read" -> new TuckerRead(shape);
      case "memory-step" -> new MemoryStep(shape);
      case "separator-decode-1024" -> new SeparatorDecode(1024);
      case "separator-decode-65536" -> new SeparatorDecode(65536);
      case "causal-training" -> new AttentionTraining(AttentionTraining.TIME);
      case "separator-training-64" -> new AttentionTraining(64);
      case "separator-training-128" -> new AttentionTraining(128);
      case "decode-from-cache" -> new DecodeFromCache();
      default -> throw new IllegalArgumentException("no such workload: " + name);
    };
  }
}

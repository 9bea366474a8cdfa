package io.github.dl4jmemory.bench;

import io.github.dl4jmemory.ops.KernelChoice;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One iteration of a workload on either kind of kernels: {@code benchmarks/jmh -p
 * workload=lookup,bag}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgs = {
      "-Xmx1g",
      "-Dorg.bytedeco.javacpp.maxbytes=0",
      "-Dorg.bytedeco.javacpp.maxphysicalbytes=0"
    })
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 2)
public class KernelBenchmark {
  /** Name of the workload. */
  @Param({"lookup", "bag", "group", "table-step", "memory-step"})
  public String workload;

  /** The kernels that run it. */
  @Param({"portable", "native"})
  public String kernels;

  /** Queries in a batch. */
  @Param({"1024"})
  public int batch;

  /** Keys of one side; the table has its square of slots, 2 KB each. */
  @Param({"512"})
  public int subKeys;

  private Workload work;
  private int iteration;

  /** Called by JMH. */
  public KernelBenchmark() {}

  /** Makes the inputs. */
  @Setup
  public void prepare() {
    System.setProperty(KernelChoice.PROPERTY, kernels);
    work = Workload.named(workload, Shape.parse(List.of("batch=" + batch, "subKeys=" + subKeys)));
  }

  /** One iteration. */
  @Benchmark
  public void step() {
    work.run(iteration++);
  }
}

package io.github.dl4jmemory.layers;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.factory.Nd4j;

/** Layers run on as many threads as ND4J is set to, no more. */
class ParallelTest {

  private final int threadsBefore = Nd4j.getEnvironment().maxMasterThreads();

  @AfterEach
  void restore() {
    Nd4j.getEnvironment().setMaxMasterThreads(threadsBefore);
  }

  @ParameterizedTest
  @CsvSource({"1,101", "2,101", "2,1", "2,0"})
  void everyTaskRunsOnceOnTheThreadsOfNd4j(int threads, int tasks) {
    Nd4j.getEnvironment().setMaxMasterThreads(threads);
    AtomicIntegerArray runs = new AtomicIntegerArray(tasks);
    Set<Thread> seen = ConcurrentHashMap.newKeySet();
    Parallel.forEach(
        tasks,
        i -> {
          runs.incrementAndGet(i);
          seen.add(Thread.currentThread());
        });
    IntStream.range(0, tasks).forEach(i -> assertEquals(1, runs.get(i), "runs of task " + i));
    assertTrue(seen.size() <= threads, "threads " + seen);
  }

  @Test
  void nothingElseTakesThreads() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName(Parallel.class.getName())
        .should()
        .callMethod(IntStream.class, "parallel")
        .orShould()
        .callMethod(java.util.stream.LongStream.class, "parallel")
        .check(
            new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .importPackages(Parallel.class.getPackageName()));
  }
}

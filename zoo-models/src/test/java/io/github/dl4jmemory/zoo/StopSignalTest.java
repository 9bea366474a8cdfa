package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class StopSignalTest {

  /** The hook of the process returns, which would otherwise never end. */
  @Test
  void aProgramThatThrowsIsNotWaitedFor() {
    StopSignal signal = new StopSignal();
    assertThrows(
        OutOfMemoryError.class,
        () ->
            signal.exitAfter(
                () -> {
                  throw new OutOfMemoryError("of a test");
                }));
    assertTimeoutPreemptively(Duration.ofMinutes(1), signal::stopAndWait);
  }
}

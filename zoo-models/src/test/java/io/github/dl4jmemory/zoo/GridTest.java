package io.github.dl4jmemory.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class GridTest {
  private static final Grid GRID = new Grid(List.of(4e-3, 1.5e-3, 8e-3));

  private static List<String> warnings(Grid grid, double rate) {
    return grid.warnings(List.of(new Trial("dense", rate)));
  }

  @Test
  void warnsWhereAnEndOfTheGridIsBest() {
    assertEquals(
        List.of(
            "dense: the best learning rate, 1.5e-3, is the lowest of the grid; a lower one may"
                + " serve it better"),
        warnings(GRID, 1.5e-3));
    assertEquals(
        List.of(
            "dense: the best learning rate, 8e-3, is the highest of the grid; a higher one may"
                + " serve it better"),
        warnings(GRID, 8e-3));
    assertEquals(List.of(), warnings(GRID, 4e-3));
    assertEquals(List.of(), warnings(new Grid(List.of(4e-3)), 4e-3), "nothing to choose from");
  }

  @Test
  void memoryModelsBeginAndDenseOnesAreListedFirst() {
    Grid grid = new Grid(List.of(2e-3, 1e-3));
    Trial dense2 = new Trial("dense", 2e-3);
    Trial dense1 = new Trial("dense", 1e-3);
    Trial memory2 = new Trial("memory", 2e-3);
    Trial memory1 = new Trial("memory", 1e-3);
    assertEquals(List.of(dense2, dense1, memory2, memory1), grid.trials());
    assertEquals(List.of(memory2, memory1, dense2, dense1), grid.longestFirst());
  }

  @Test
  void aWorkerTakesTheNextTrainingWhenItIsFree() {
    assertEquals(10, Budget.busiest(List.of(3.0, 3.0, 2.0, 2.0), 1));
    assertEquals(5, Budget.busiest(List.of(3.0, 3.0, 2.0, 2.0), 2));
    assertEquals(4, Budget.busiest(List.of(3.0, 3.0, 2.0, 2.0), 3));
    assertEquals(3, Budget.busiest(List.of(3.0, 3.0, 2.0, 2.0), 4));
  }
}

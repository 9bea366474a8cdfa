package io.github.dl4jmemory.layers;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.graph.ComputationGraph;

/** Changes of rows of a network that are all made or, where one does not fit, none. */
final class RowRewrite {

  private static final String OWNER = "EditJournal";

  private final Map<String, EditedTable> memories;
  private final Map<RowChange.Place, double[]> rows = new LinkedHashMap<>();

  RowRewrite(ComputationGraph network) {
    memories =
        EditedTable.all(OWNER, network).stream()
            .collect(Collectors.toMap(EditedTable::name, memory -> memory));
  }

  /** The row goes from these numbers to those; throws if it holds others. */
  void change(RowChange.Place place, String tag, double[] from, double[] to) {
    double[] now = rows.get(place);
    if (now == null) {
      now = memory(place, from.length).row(place.slot());
    }
    Require.that(
        EditedTable.sameBits(now, from),
        OWNER,
        "network",
        "in " + place + " the numbers that edit " + tag + " left or found there",
        "others",
        "undo later edits of this row first, or use the network that the journal belongs to");
    rows.put(place, to);
  }

  private EditedTable memory(RowChange.Place place, int valueSize) {
    EditedTable memory = memories.get(place.layer());
    Require.that(
        memory != null
            && memory.slots() == place.slots()
            && memory.valueSize() == valueSize
            && memory.type() == place.type(),
        OWNER,
        "network",
        place.layer() + " with " + place.slots() + " slots of " + valueSize + " " + place.type(),
        memory == null ? "memories " + memories.keySet() : Require.describe(memory.values()),
        "use the network that the journal belongs to");
    return memory;
  }

  /** Makes the changes; gives the number of rows. */
  int write() {
    rows.forEach((place, row) -> memories.get(place.layer()).assign(place.slot(), row));
    return rows.size();
  }
}

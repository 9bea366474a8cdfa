package io.github.dl4jmemory.layers;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * What edits have changed: for every row its slot, its numbers before and after, and the edit's
 * tag, in the order of the changes. Steps of one tag that change a row one after the other count as
 * one change of it. {@link MemoryEditor} writes the journal; it takes the changes back, makes them
 * on another copy of the network, says what they were, and joins the journal of another editor.
 *
 * <p>{@code undo} and {@code apply} first check that each row holds, bit for bit, what the journal
 * expects there, and change nothing where one does not.
 *
 * <p>Holds two rows of valueSize numbers for each change.
 */
public final class EditJournal {

  private static final String OWNER = "EditJournal";

  private final List<RowChange> changes = new ArrayList<>();
  private final Map<RowChange.Place, Integer> newest = new HashMap<>(); // by row, in changes

  EditJournal() {}

  private EditJournal(List<RowChange> changes) {
    replace(changes);
  }

  private void replace(List<RowChange> all) {
    changes.clear();
    newest.clear();
    all.forEach(this::add);
  }

  private void add(RowChange change) {
    newest.put(change.place(), changes.size());
    changes.add(change);
  }

  /** A row was changed. */
  void record(String tag, EditedTable memory, long slot, double[] before, double[] after) {
    if (EditedTable.sameBits(before, after)) {
      return;
    }
    RowChange.Place place = new RowChange.Place(memory.name(), memory.type(), memory.slots(), slot);
    Integer at = newest.get(place);
    RowChange last = at == null ? null : changes.get(at);
    if (last != null && last.tag().equals(tag) && EditedTable.sameBits(last.after(), before)) {
      changes.set(at, new RowChange(tag, place, last.before(), after));
    } else {
      add(new RowChange(tag, place, before, after));
    }
  }

  /**
   * A change as {@link #diff} reports it.
   *
   * @param tag the edit
   * @param layer name of the ProductKeyMemory or MemoryPool
   * @param slot the row of its table
   * @param distance Euclidean distance of the row after the change from the row before
   * @param norm Euclidean norm of the row before
   */
  public record Difference(String tag, String layer, long slot, double distance, double norm) {}

  /**
   * The changes: which rows, and how much.
   *
   * @return one for every change, in order
   */
  public List<Difference> diff() {
    return changes.stream()
        .map(
            change ->
                new Difference(
                    change.tag(),
                    change.place().layer(),
                    change.place().slot(),
                    change.distance(),
                    change.norm()))
        .toList();
  }

  /**
   * The edits.
   *
   * @return their tags, each once, in order
   */
  public List<String> tags() {
    return changes.stream().map(RowChange::tag).distinct().toList();
  }

  /**
   * Takes all changes back, the newest first: every row gets the bits that it had before the first.
   * The journal is empty then; save it before if the changes are to be made again.
   *
   * @param network the network that was edited, or one with the same values
   * @return rows that were restored
   * @throws IllegalArgumentException if a row was changed by something else since, or the network
   *     has no such table; nothing is changed then
   */
  public int undo(ComputationGraph network) {
    int rows = takeBack(network, changes);
    replace(List.of());
    return rows;
  }

  /**
   * Takes the changes of one edit back, and removes them from the journal.
   *
   * @param network the network that was edited, or one with the same values
   * @param tag the edit
   * @return rows that were restored
   * @throws IllegalArgumentException if there is no such edit, a row of it was changed since, by a
   *     later edit too, or the network has no such table; nothing is changed then
   */
  public int undo(ComputationGraph network, String tag) {
    Require.that(tags().contains(tag), OWNER, "tag", "one of " + tags(), tag, "name such an edit");
    int rows = takeBack(network, where(tag, true));
    replace(where(tag, false));
    return rows;
  }

  private List<RowChange> where(String tag, boolean equal) {
    return changes.stream().filter(change -> change.tag().equals(tag) == equal).toList();
  }

  private static int takeBack(ComputationGraph network, List<RowChange> undone) {
    RowRewrite rewrite = new RowRewrite(network);
    for (int i = undone.size() - 1; i >= 0; i--) {
      RowChange change = undone.get(i);
      rewrite.change(change.place(), change.tag(), change.after(), change.before());
    }
    return rewrite.write();
  }

  /**
   * Makes all changes, in order, on a network that they have not been made on.
   *
   * @param network a network with the values that the edited one had before the edits
   * @return rows that were changed
   * @throws IllegalArgumentException if a row holds something else, or the network has no such
   *     table; nothing is changed then
   */
  public int apply(ComputationGraph network) {
    RowRewrite rewrite = new RowRewrite(network);
    for (RowChange change : changes) {
      rewrite.change(change.place(), change.tag(), change.before(), change.after());
    }
    return rewrite.write();
  }

  /**
   * The changes of two editors that began with the same network, each on a copy of its own: this
   * journal's, then the other's. A row may be changed by one of them only.
   *
   * @param other another journal
   * @return a new journal
   * @throws IllegalArgumentException if both change a row
   */
  public EditJournal merge(EditJournal other) {
    Require.that(other != null, OWNER, "other", "a journal", "null", "pass one");
    for (RowChange change : other.changes) {
      Integer at = newest.get(change.place());
      Require.that(
          at == null,
          OWNER,
          "other",
          "no change of a row that this journal changes",
          change.place()
              + " in "
              + change.tag()
              + (at == null ? "" : " and " + changes.get(at).tag()),
          "undo one of the edits and teach it again on the network of the other");
    }
    EditJournal both = new EditJournal(changes);
    other.changes.forEach(both::add);
    return both;
  }

  /**
   * Writes the journal to a file, which is complete or not there.
   *
   * @param file where to write
   * @throws IOException when it cannot be written
   */
  public void save(Path file) throws IOException {
    JournalFile.save(file, changes);
  }

  /**
   * Reads a journal from a file.
   *
   * @param file a file of {@link #save}
   * @return the journal
   * @throws IOException when it cannot be read
   * @throws IllegalArgumentException when it is no complete journal
   */
  public static EditJournal load(Path file) throws IOException {
    return new EditJournal(JournalFile.load(file));
  }
}

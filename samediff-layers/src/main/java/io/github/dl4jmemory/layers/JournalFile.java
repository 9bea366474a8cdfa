package io.github.dl4jmemory.layers;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;

/** The changes of an {@link EditJournal} in a file; numbers of a FLOAT table take four bytes. */
final class JournalFile {

  private static final String KIND = "DL4JMEDJ";

  private JournalFile() {}

  static void save(Path file, List<RowChange> changes) throws IOException {
    CheckedFiles.write(
        file,
        KIND,
        out -> {
          out.writeInt(changes.size());
          for (RowChange change : changes) {
            write(out, change);
          }
        });
  }

  private static void write(DataOutputStream out, RowChange change) throws IOException {
    RowChange.Place place = change.place();
    out.writeUTF(change.tag());
    out.writeUTF(place.layer());
    out.writeBoolean(place.type() == DataType.DOUBLE);
    out.writeLong(place.slots());
    out.writeLong(place.slot());
    out.writeInt(change.before().length);
    writeRow(out, place, change.before());
    writeRow(out, place, change.after());
  }

  private static void writeRow(DataOutputStream out, RowChange.Place place, double[] row)
      throws IOException {
    for (double number : row) {
      if (place.type() == DataType.DOUBLE) {
        out.writeDouble(number);
      } else {
        out.writeFloat((float) number);
      }
    }
  }

  static List<RowChange> load(Path file) throws IOException {
    return CheckedFiles.read(
        file,
        "EditJournal",
        KIND,
        in -> {
          List<RowChange> changes = new ArrayList<>();
          for (int left = in.readInt(); left > 0; left--) {
            changes.add(read(in));
          }
          return changes;
        });
  }

  private static RowChange read(DataInputStream in) throws IOException {
    String tag = in.readUTF();
    String layer = in.readUTF();
    DataType type = in.readBoolean() ? DataType.DOUBLE : DataType.FLOAT;
    RowChange.Place place = new RowChange.Place(layer, type, in.readLong(), in.readLong());
    int valueSize = in.readInt();
    return new RowChange(tag, place, readRow(in, type, valueSize), readRow(in, type, valueSize));
  }

  private static double[] readRow(DataInputStream in, DataType type, int valueSize)
      throws IOException {
    double[] row = new double[valueSize];
    for (int i = 0; i < valueSize; i++) {
      row[i] = type == DataType.DOUBLE ? in.readDouble() : in.readFloat();
    }
    return row;
  }
}

package io.github.dl4jmemory.ops;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A libnd4jcpu.so made by the C compiler: every symbol that the probe asks for, with vtables and
 * constructors of the expected layout, except for the one difference that a test sets.
 */
final class FakeLibnd4j {
  private static final String OP = "_ZN2sd3ops12DeclarableOp";
  private static final String TOGGLE = "_ZN2sd3ops11toggle_bits";
  private static final String CONTEXT = "ERNS_5graph7ContextE";

  private final List<String> opSlots =
      new ArrayList<>(
          List.of(
              OP + "13registerTypesEv",
              "fake_pure",
              OP + "13emptyHandlingEv",
              "fake_pure",
              "fake_pure",
              OP + "17validateDataTypes" + CONTEXT,
              "fake_pure",
              OP + "7executeEPNS_5graph7ContextE"));
  private final List<String> toggleSlots =
      new ArrayList<>(
          List.of(
              TOGGLE + "13registerTypesEv",
              TOGGLE + "18validateAndExecute" + CONTEXT,
              OP + "13emptyHandlingEv",
              TOGGLE + "D1Ev",
              TOGGLE + "D0Ev",
              OP + "17validateDataTypes" + CONTEXT,
              TOGGLE + "20calculateOutputShapeEPNS_9ShapeList" + CONTEXT,
              OP + "7executeEPNS_5graph7ContextE"));
  private String missing = "";
  private int opBytes = 104;
  private int descriptorOffset = 0x58;
  private int shapeListBytes = 27;

  FakeLibnd4j without(String symbol) {
    missing = symbol;
    return this;
  }

  FakeLibnd4j swappingSlots(int first, int second) {
    java.util.Collections.swap(toggleSlots, first, second);
    return this;
  }

  FakeLibnd4j withOneMoreSlot() {
    opSlots.add("fake_pure");
    return this;
  }

  FakeLibnd4j withOpOf(int bytes) {
    opBytes = bytes;
    return this;
  }

  FakeLibnd4j withDescriptorAt(int offset) {
    descriptorOffset = offset;
    return this;
  }

  FakeLibnd4j withShapeListWriting(int bytes) {
    shapeListBytes = bytes;
    return this;
  }

  /** Compiles it into the folder. */
  Path compileIn(Path folder) throws IOException {
    Path source = folder.resolve("fake.c");
    Path library = folder.resolve("libnd4jcpu.so");
    Files.writeString(source, source());
    ChildJvm.output(
        List.of(
            "gcc",
            "-shared",
            "-fPIC",
            "-Wl,-soname,libnd4jcpu.so",
            "-o",
            library.toString(),
            source.toString()));
    return library;
  }

  private String source() throws IOException {
    StringBuilder c = new StringBuilder("#include <string.h>\nvoid fake_pure(void) {}\n");
    List<String> names = new ArrayList<>(headerSymbols());
    opSlots.stream().filter(name -> !name.equals("fake_pure")).forEach(names::add);
    names.addAll(toggleSlots);
    names.add("_ZN2sd9ShapeListD1Ev");
    names.removeAll(List.of(OP + "C2EiiPKcbii", "_ZN2sd9ShapeListC1EPKx", missing));
    int number = 0;
    for (String name : names.stream().distinct().toList()) {
      String function = "f" + number++;
      c.append("void " + function + "(void) __asm__(\"" + name + "\");\n");
      c.append("void " + function + "(void) {}\n");
    }
    c.append(constructor("op", OP + "C2EiiPKcbii", opBytes));
    c.append(constructor("shapes", "_ZN2sd9ShapeListC1EPKx", shapeListBytes));
    c.append("void *get(char *self) __asm__(\"" + OP + "15getOpDescriptorEv\");\n");
    c.append("void *get(char *self) { return *(void **)(self + " + descriptorOffset + "); }\n");
    c.append(vtable("op_table", "_ZTVN2sd3ops12DeclarableOpE", opSlots));
    c.append(vtable("toggle_table", "_ZTVN2sd3ops11toggle_bitsE", toggleSlots));
    return c.toString();
  }

  /** DM_ND4J_SYMBOLS of the header. */
  private static List<String> headerSymbols() throws IOException {
    String header = Files.readString(Path.of("src/main/native/nd4j/nd4j_m21_abi.h"));
    return Pattern.compile("X\\((_Z\\w+)\\)")
        .matcher(header)
        .results()
        .map(match -> match.group(1))
        .toList();
  }

  private static String constructor(String function, String name, int bytes) {
    return "void "
        + function
        + "(char *self) __asm__(\""
        + name
        + "\");\n"
        + "void "
        + function
        + "(char *self) { for (int i = 0; i < "
        + bytes
        + "; i++) self[i] = i; }\n";
  }

  private static String vtable(String variable, String name, List<String> slots) {
    StringBuilder c = new StringBuilder();
    StringBuilder entries = new StringBuilder("0, 0");
    for (int i = 0; i < slots.size(); i++) {
      String slot = variable + i;
      c.append("extern char " + slot + "[] __asm__(\"" + slots.get(i) + "\");\n");
      entries.append(", ").append(slot);
    }
    return c.append("void *" + variable + "[] __asm__(\"" + name + "\") = {" + entries + "};\n")
        .toString();
  }
}

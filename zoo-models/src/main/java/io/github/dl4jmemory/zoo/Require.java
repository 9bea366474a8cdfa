package io.github.dl4jmemory.zoo;

/** Checks of arguments, with the one form of message that this project uses. */
final class Require {
  private Require() {}

  static void that(
      boolean holds, String owner, String parameter, String expected, Object got, String fix) {
    if (!holds) {
      throw new IllegalArgumentException(message(owner, parameter, expected, got, fix));
    }
  }

  static String message(String owner, String parameter, String expected, Object got, String fix) {
    return "["
        + owner
        + "] "
        + parameter
        + ": expected "
        + expected
        + ", got "
        + got
        + ". Fix: "
        + fix
        + ".";
  }
}

package io.github.dl4jmemory.zoo;

/** A question, what the model said, and what is true. */
record Answer(String question, String given, String expected) {
  boolean right() {
    return given.equals(expected);
  }
}

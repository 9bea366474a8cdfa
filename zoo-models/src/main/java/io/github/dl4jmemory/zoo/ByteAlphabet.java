package io.github.dl4jmemory.zoo;

import java.io.ByteArrayOutputStream;

/**
 * The 256 printable characters that byte-level BPE writes for the 256 bytes (Radford et al. 2019,
 * GPT-2): a printable Latin-1 byte stands for itself, the 68 others are numbered from U+0100 on.
 */
final class ByteAlphabet {
  private static final String CHARACTERS = characters();

  private ByteAlphabet() {}

  static char character(byte b) {
    return CHARACTERS.charAt(b & 0xff);
  }

  /** Bytes of a vocabulary entry, or null when it holds a character outside the alphabet. */
  static byte[] bytes(String token) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(token.length());
    for (int i = 0; i < token.length(); i++) {
      int b = CHARACTERS.indexOf(token.charAt(i));
      if (b < 0) {
        return null;
      }
      out.write(b);
    }
    return out.toByteArray();
  }

  static String text(byte[] bytes) {
    StringBuilder text = new StringBuilder(bytes.length);
    for (byte b : bytes) {
      text.append(character(b));
    }
    return text.toString();
  }

  private static String characters() {
    StringBuilder characters = new StringBuilder(256);
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      characters.append((char) (printable ? b : next++));
    }
    return characters.toString();
  }
}

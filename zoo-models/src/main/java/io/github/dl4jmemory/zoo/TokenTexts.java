package io.github.dl4jmemory.zoo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * The token of each text in a Hugging Face {@code tokenizer.json} of either kind of BPE: over bytes
 * (GPT-2, GPT-NeoX, Llama 3, SmolLM), or of SentencePiece with bytes to fall back on (Llama 2).
 */
final class TokenTexts {
  private static final String BYTE_LEVEL_SPACE = "\u0120";
  private static final String SENTENCE_PIECE_SPACE = "\u2581";

  private TokenTexts() {}

  /**
   * Reads a vocabulary. Where several tokens have one text, the one that a text becomes is given:
   * an added token before others, a piece before a byte to fall back on.
   */
  static Map<String, Integer> read(String owner, Path file) throws IOException {
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(file.toFile());
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          Require.message(
              owner,
              file.toString(),
              "JSON",
              e.getOriginalMessage(),
              "give a whole tokenizer.json"),
          e);
    }
    JsonNode vocabulary = root.path("model").path("vocab");
    boolean bytes = vocabulary.has(BYTE_LEVEL_SPACE);
    Require.that(
        vocabulary.isObject() && (bytes || vocabulary.has(SENTENCE_PIECE_SPACE)),
        owner,
        file.toString(),
        "a tokenizer.json of a BPE over bytes or of SentencePiece, whose vocabulary has a space",
        "model type " + root.at("/model/type"),
        "give such a tokenizer, or the ids themselves");
    Map<String, Integer> texts = new HashMap<>();
    if (!bytes) {
      put(texts, vocabulary, TokenTexts::ofFallbackByte);
    }
    put(texts, vocabulary, bytes ? TokenTexts::ofBytes : TokenTexts::ofPiece);
    for (JsonNode token : root.path("added_tokens")) {
      texts.put(token.path("content").asText(), token.path("id").asInt());
    }
    return texts;
  }

  private static void put(
      Map<String, Integer> texts, JsonNode vocabulary, UnaryOperator<String> text) {
    vocabulary
        .fields()
        .forEachRemaining(
            entry -> {
              String decoded = text.apply(entry.getKey());
              if (decoded != null) {
                texts.put(decoded, entry.getValue().asInt());
              }
            });
  }

  private static String ofBytes(String token) {
    byte[] bytes = ByteAlphabet.bytes(token);
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }

  private static String ofPiece(String token) {
    return isFallbackByte(token) ? null : token.replace(SENTENCE_PIECE_SPACE, " ");
  }

  /** {@code <0x0A>} is a line feed. */
  private static String ofFallbackByte(String token) {
    return isFallbackByte(token)
        ? Character.toString(Integer.parseInt(token.substring(3, 5), 16))
        : null;
  }

  private static boolean isFallbackByte(String token) {
    return token.matches("<0x[0-7][0-9A-F]>");
  }
}

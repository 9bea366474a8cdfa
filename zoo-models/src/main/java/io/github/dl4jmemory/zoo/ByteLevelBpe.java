package io.github.dl4jmemory.zoo;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Byte-level byte-pair encoding: any bytes to token ids and back, without loss.
 *
 * <p>A tokenizer is trained on text ({@link #train}) or read from a Hugging Face {@code
 * tokenizer.json} ({@link #load}); what is trained here is saved in the same format ({@link
 * #save}). Text is encoded by the Hugging Face tokenizers library (through DJL, its native part is
 * inside the jar); decoding to bytes is done here, so that a token sequence cut in the middle of a
 * character loses nothing.
 *
 * <p>Source: Sennrich, Haddow, Birch 2016 (arXiv 1508.07909), algorithm 1; the byte alphabet is
 * that of GPT-2 (Radford et al. 2019, section 2.2).
 *
 * <p>Holds native memory: {@link #close} it. Safe for use by several threads.
 */
public final class ByteLevelBpe implements AutoCloseable {
  private static final String OWNER = "ByteLevelBpe";
  private static final String END_OF_TEXT = "<|endoftext|>";
  private static final int BYTES = 256;

  private final HuggingFaceTokenizer tokenizer;
  private final byte[] json;
  private final byte[][] bytesOf;
  private final int[] idOfByte;
  private final int endOfText;

  private ByteLevelBpe(byte[] json, String source) throws IOException {
    this.json = json;
    JsonNode root = parse(json, source);
    this.bytesOf = vocabulary(root, source);
    this.idOfByte = singleBytes(bytesOf, source);
    this.endOfText = idOf(END_OF_TEXT.getBytes(StandardCharsets.UTF_8));
    this.tokenizer =
        HuggingFaceTokenizer.newInstance(
            new ByteArrayInputStream(json),
            Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false"));
  }

  /**
   * Reads a byte-level BPE from a Hugging Face {@code tokenizer.json}.
   *
   * @param file the {@code tokenizer.json}
   * @return the tokenizer
   * @throws IOException when the file cannot be read
   * @throws IllegalArgumentException when it is not JSON, or not a BPE over the bytes of UTF-8
   */
  public static ByteLevelBpe load(Path file) throws IOException {
    return new ByteLevelBpe(Files.readAllBytes(file), file.toString());
  }

  /**
   * Learns a vocabulary from texts: id 0 is {@code <|endoftext|>}, ids 1 to 256 are the bytes, the
   * rest are merges in the order they were learned. Stops early when no pair occurs twice.
   *
   * <p>Cost: the distinct words of the texts in memory, and one pass over the distinct pairs a
   * merge.
   *
   * @param texts the texts; words never reach across two of them
   * @param vocabulary the largest number of tokens, at least 257
   * @return the tokenizer, the same for the same texts
   * @throws IllegalArgumentException when {@code vocabulary} is under 257
   */
  public static ByteLevelBpe train(Iterable<String> texts, int vocabulary) {
    Require.that(
        vocabulary > BYTES,
        OWNER,
        "vocabulary",
        "at least 257 (256 bytes and " + END_OF_TEXT + ")",
        vocabulary,
        "choose a larger vocabulary");
    try {
      return new ByteLevelBpe(
          toJson(BpeTrainer.train(texts, vocabulary, END_OF_TEXT)), "trained vocabulary");
    } catch (IOException e) {
      throw new UncheckedIOException(e); // nothing is read: only the native part can fail
    }
  }

  /**
   * Writes the tokenizer as {@code tokenizer.json}; the file is complete or not there.
   *
   * @param file where to write
   * @throws IOException when it cannot be written
   */
  public void save(Path file) throws IOException {
    AtomicFiles.write(file, out -> out.write(json));
  }

  /**
   * Number of token ids: one more than the highest id.
   *
   * @return the size a model's vocabulary needs
   */
  public int vocabularySize() {
    return bytesOf.length;
  }

  /**
   * Id of {@code <|endoftext|>}, where the vocabulary has it.
   *
   * @return the id, or empty
   */
  public OptionalInt endOfText() {
    return endOfText < 0 ? OptionalInt.empty() : OptionalInt.of(endOfText);
  }

  /**
   * Token ids of a text, as the Hugging Face library gives them (its normaliser included; no
   * special tokens are added).
   *
   * @param text any text
   * @return the ids
   */
  public int[] encode(String text) {
    return text.isEmpty()
        ? new int[0]
        : Arrays.stream(tokenizer.encode(text, false, false).getIds())
            .mapToInt(Math::toIntExact)
            .toArray();
  }

  /**
   * Token ids from which {@link #decodeBytes} gives exactly these bytes back. Stretches of valid
   * UTF-8 become the ids of {@link #encode(String)}; what is not valid UTF-8, or would be changed
   * by a loaded tokenizer's normaliser, becomes one token a byte.
   *
   * @param bytes any bytes
   * @return the ids
   * @throws IllegalArgumentException when a byte has no token: a loaded vocabulary may lack the 13
   *     bytes that UTF-8 never uses (Pythia's does); a trained one has all
   */
  public int[] encode(byte[] bytes) {
    IntStream.Builder ids = IntStream.builder();
    CharsetDecoder utf8 =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer text = CharBuffer.allocate(bytes.length + 1);
    while (in.hasRemaining()) {
      int from = in.position();
      CoderResult result = utf8.reset().decode(in, text.clear(), true);
      append(ids, text.flip().toString(), Arrays.copyOfRange(bytes, from, in.position()));
      int malformed = result.isError() ? result.length() : 0;
      for (int i = 0; i < malformed; i++) {
        ids.add(idOf(in.get()));
      }
    }
    return ids.build().toArray();
  }

  private void append(IntStream.Builder ids, String text, byte[] bytes) {
    int[] encoded = encode(text);
    if (Arrays.equals(decodeBytes(encoded), bytes)) {
      Arrays.stream(encoded).forEach(ids::add);
    } else {
      for (byte b : bytes) {
        ids.add(idOf(b));
      }
    }
  }

  /**
   * Bytes of a token sequence.
   *
   * @param ids token ids, each from 0 to {@link #vocabularySize} - 1
   * @return their bytes, one after the other
   * @throws IllegalArgumentException when an id is outside the vocabulary
   */
  public byte[] decodeBytes(int... ids) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int id : ids) {
      Require.that(
          id >= 0 && id < bytesOf.length,
          OWNER,
          "token id",
          "0 to " + (bytesOf.length - 1),
          id,
          "use the tokenizer that the model was trained with");
      out.writeBytes(bytesOf[id]);
    }
    return out.toByteArray();
  }

  /**
   * Text of a token sequence; bytes that are not valid UTF-8 show as U+FFFD.
   *
   * @param ids token ids
   * @return the text
   * @throws IllegalArgumentException when an id is outside the vocabulary
   */
  public String decode(int... ids) {
    return new String(decodeBytes(ids), StandardCharsets.UTF_8);
  }

  /** Frees the native memory. */
  @Override
  public void close() {
    tokenizer.close();
  }

  private int idOf(byte b) {
    int id = idOfByte[b & 0xff];
    Require.that(
        id >= 0,
        OWNER,
        "bytes",
        "bytes that the vocabulary has a token for",
        String.format("0x%02X", b),
        "give UTF-8 text, or a vocabulary trained here, which has all 256 bytes");
    return id;
  }

  private int idOf(byte[] bytes) {
    for (int id = 0; id < bytesOf.length; id++) {
      if (Arrays.equals(bytesOf[id], bytes)) {
        return id;
      }
    }
    return -1;
  }

  private static JsonNode parse(byte[] json, String source) throws IOException {
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(json);
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalArgumentException(
          Require.message(
              OWNER, source, "JSON", e.getOriginalMessage(), "give a whole tokenizer.json"),
          e);
    }
    Require.that(
        root.path("model").path("vocab").isObject() && root.at("/model/merges").isArray(),
        OWNER,
        source,
        "a tokenizer.json with model.vocab and model.merges (a BPE)",
        "model type " + root.at("/model/type"),
        "give the tokenizer.json of a byte-level BPE, such as GPT-2's or Pythia's");
    return root;
  }

  /** Bytes of every id; an id that no entry names stands for no bytes. */
  private static byte[][] vocabulary(JsonNode root, String source) {
    int size = 0;
    for (JsonNode id : root.at("/model/vocab")) {
      size = Math.max(size, id.asInt() + 1);
    }
    for (JsonNode token : root.path("added_tokens")) {
      size = Math.max(size, token.path("id").asInt() + 1);
    }
    byte[][] bytes = new byte[size][0];
    root.at("/model/vocab")
        .fields()
        .forEachRemaining(
            entry -> {
              byte[] known = ByteAlphabet.bytes(entry.getKey());
              bytes[entry.getValue().asInt()] =
                  known != null ? known : entry.getKey().getBytes(StandardCharsets.UTF_8);
            });
    for (JsonNode token : root.path("added_tokens")) {
      bytes[token.path("id").asInt()] =
          token.path("content").asText().getBytes(StandardCharsets.UTF_8);
    }
    return bytes;
  }

  private static int[] singleBytes(byte[][] bytesOf, String source) {
    int[] ids = new int[BYTES];
    Arrays.fill(ids, -1);
    for (int id = 0; id < bytesOf.length; id++) {
      if (bytesOf[id].length == 1 && ids[bytesOf[id][0] & 0xff] < 0) {
        ids[bytesOf[id][0] & 0xff] = id;
      }
    }
    long missing = IntStream.range(0, BYTES).filter(b -> ids[b] < 0 && inUtf8(b)).count();
    Require.that(
        missing == 0,
        OWNER,
        source,
        "one token for each of the 243 bytes of UTF-8",
        missing + " without a token",
        "give the tokenizer.json of a byte-level BPE, such as GPT-2's or Pythia's");
    return ids;
  }

  private static boolean inUtf8(int b) {
    return b != 0xC0 && b != 0xC1 && b < 0xF5;
  }

  private static byte[] toJson(BpeTrainer.Merges trained) throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode root = mapper.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ObjectNode special = root.putArray("added_tokens").addObject();
    special.put("id", 0).put("content", END_OF_TEXT).put("single_word", false);
    special.put("lstrip", false).put("rstrip", false).put("normalized", false).put("special", true);
    root.putNull("normalizer");
    byteLevel(root.putObject("pre_tokenizer"));
    root.putNull("post_processor");
    byteLevel(root.putObject("decoder"));
    ObjectNode model = root.putObject("model");
    model.put("type", "BPE").putNull("dropout").putNull("unk_token");
    model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
    model.put("fuse_unk", false).put("byte_fallback", false);
    ObjectNode vocab = model.putObject("vocab");
    for (int id = 0; id < trained.vocabulary().size(); id++) {
      vocab.put(trained.vocabulary().get(id), id);
    }
    ArrayNode merges = model.putArray("merges");
    trained.merges().forEach(merges::add);
    return mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(root);
  }

  private static void byteLevel(ObjectNode node) {
    node.put("type", "ByteLevel").put("add_prefix_space", false);
    node.put("trim_offsets", true).put("use_regex", true);
  }
}

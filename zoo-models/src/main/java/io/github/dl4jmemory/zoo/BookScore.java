package io.github.dl4jmemory.zoo;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What a network and its cache are worth on some books.
 *
 * <p>A loss is the nats of all books over their tokens, or bytes; its standard error is that of a
 * ratio of means over books, and a perplexity's is the perplexity times that.
 *
 * @param perToken perplexity per token
 * @param perTokenError its standard error over books; NaN for one
 * @param perByte perplexity per byte
 * @param perByteError its standard error over books; NaN for one
 * @param cacheBytes most memory for keys and values
 */
record BookScore(
    double perToken,
    double perTokenError,
    double perByte,
    double perByteError,
    double tokensPerSecond,
    long cacheBytes) {

  static BookScore of(List<StreamedBook> books) {
    double[] tokens = loss(books, StreamedBook::tokens);
    double[] bytes = loss(books, StreamedBook::bytes);
    double perToken = Math.exp(tokens[0]);
    double perByte = Math.exp(bytes[0]);
    return new BookScore(
        perToken,
        perToken * tokens[1],
        perByte,
        perByte * bytes[1],
        sum(books, StreamedBook::tokens) / sum(books, StreamedBook::seconds),
        books.stream().mapToLong(StreamedBook::cacheBytes).max().orElseThrow());
  }

  /** Nats a unit, and the standard error of that. */
  private static double[] loss(List<StreamedBook> books, ToDoubleFunction<StreamedBook> units) {
    double all = sum(books, units);
    double loss = sum(books, StreamedBook::nats) / all;
    double squares =
        sum(books, book -> Math.pow(book.nats() - loss * units.applyAsDouble(book), 2));
    double count = books.size();
    return new double[] {loss, Math.sqrt(squares * count / (count - 1)) / all};
  }

  private static double sum(List<StreamedBook> books, ToDoubleFunction<StreamedBook> of) {
    return books.stream().mapToDouble(of).sum();
  }
}

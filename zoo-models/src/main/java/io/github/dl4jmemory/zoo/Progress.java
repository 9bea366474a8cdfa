package io.github.dl4jmemory.zoo;

/**
 * How far a training is.
 *
 * @param step steps done
 * @param tokens tokens that the loss has counted
 * @param seconds time in steps
 * @param lossSum losses since the last point of the curve
 * @param lossSteps steps since then
 * @param curve points so far
 */
record Progress(int step, long tokens, double seconds, double lossSum, int lossSteps, Curve curve) {

  static Progress start() {
    return new Progress(0, 0, 0, 0, 0, Curve.empty());
  }

  /** After one more step; a point on the curve after every {@code stretch} steps. */
  Progress plus(long stepTokens, double stepSeconds, double loss, int stretch) {
    long allTokens = tokens + stepTokens;
    double allSeconds = seconds + stepSeconds;
    double sum = lossSum + loss;
    int steps = lossSteps + 1;
    return steps < stretch
        ? new Progress(step + 1, allTokens, allSeconds, sum, steps, curve)
        : new Progress(step + 1, allTokens, allSeconds, 0, 0, curve.with(allTokens, sum / steps));
  }

  double tokensPerSecond() {
    return seconds == 0 ? 0 : tokens / seconds;
  }
}

package io.github.dl4jmemory.zoo;

import java.util.Map;

/**
 * What the main job measured of one model.
 *
 * @param name "dense" or "memory"
 * @param learningRate the best of the grid
 * @param multiplyAddsPerToken of one forward pass, everything included
 * @param parameters number of trained parameters
 * @param tokensPerSecond in training
 * @param validationLoss nats a token on what was held out: asked answers, or text
 * @param scores named results in the order they are shown, such as recall by kind of fact
 * @param curve training loss
 */
record ModelReport(
    String name,
    double learningRate,
    long multiplyAddsPerToken,
    long parameters,
    double tokensPerSecond,
    double validationLoss,
    Map<String, Double> scores,
    Curve curve) {}

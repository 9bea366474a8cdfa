package io.github.dl4jmemory.zoo;

/**
 * What the trainings of a {@link NeedleComparison} share.
 *
 * @param context inputs of a row
 * @param pairs hidden in a row
 * @param window last tokens that the model with separators sees
 * @param model features of the residual stream
 * @param batch rows in a step
 * @param testRows to measure on
 */
record NeedleSettings(
    int context,
    int pairs,
    int window,
    int model,
    int layers,
    int batch,
    int steps,
    double learningRate,
    int testRows) {}

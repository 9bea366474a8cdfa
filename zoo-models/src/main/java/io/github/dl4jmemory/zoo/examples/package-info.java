/**
 * Memory in networks that are no language models: programs to read and to copy from, not an
 * interface that stays.
 *
 * <p>{@link io.github.dl4jmemory.zoo.examples.LinkPrediction} finds missing facts of a knowledge
 * graph.
 */
package io.github.dl4jmemory.zoo.examples;

/**
 * Memory layers and language-model blocks for MultiLayerNetwork, ComputationGraph and SameDiff.
 *
 * <p>A configuration extends DL4J's SameDiffLayer: its {@code defineLayer} is the mathematics, one
 * line per formula. In a MultiLayerNetwork or ComputationGraph the same layer runs on a fused
 * runtime with an explicit backward pass; a test holds both equal.
 */
package io.github.dl4jmemory.layers;

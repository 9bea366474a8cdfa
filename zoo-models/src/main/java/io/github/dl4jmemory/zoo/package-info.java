/**
 * Language models with memory as DL4J zoo models, their tokenizer and text generation.
 *
 * <ul>
 *   <li>{@link io.github.dl4jmemory.zoo.MemoryTransformer}: a decoder language model as a DL4J {@code
 *       ZooModel}, dense or with product-key memory in chosen blocks;
 *   <li>{@link io.github.dl4jmemory.zoo.ByteLevelBpe}: text to tokens and back;
 *   <li>{@link io.github.dl4jmemory.zoo.TextGenerator}: greedy or sampled continuation of a prompt.
 * </ul>
 *
 * <p>The main job, which trains a dense and a memory model of equal compute side by side, is in
 * {@link io.github.dl4jmemory.zoo.job}.
 */
package io.github.dl4jmemory.zoo;

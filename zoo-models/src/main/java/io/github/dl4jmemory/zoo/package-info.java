/**
 * Language models with memory as DL4J zoo models, their tokenizer, text generation and the main
 * job, which trains a dense and a memory model of equal compute side by side and compares them.
 *
 * <p>{@link io.github.dl4jmemory.zoo.ByteLevelBpe} turns text into tokens and back.
 */
package io.github.dl4jmemory.zoo;

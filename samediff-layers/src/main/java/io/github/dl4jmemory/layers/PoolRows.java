package io.github.dl4jmemory.layers;

import io.github.dl4jmemory.ops.CompactTable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Some rows of a pool file in memory.
 *
 * @param values the rows as a table of their own
 * @param m first moments; null where there are none
 * @param v second moments; null where there are none
 */
record PoolRows(CompactTable values, INDArray m, INDArray v) {}

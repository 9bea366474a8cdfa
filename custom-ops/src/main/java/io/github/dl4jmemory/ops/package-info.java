/**
 * The operations of memory layers on ND4J arrays and SameDiff graphs.
 *
 * <p>Every operation exists in three versions that one test holds equal: an oracle of plain loops
 * (test only), portable Java kernels that run wherever ND4J runs, and native kernels. Slots are the
 * same on all of them for given half scores; floating results agree within the rounding of their
 * sums, because the order of summation differs. What is written to a {@link
 * io.github.dl4jmemory.ops.CompactTable} of bfloat16 or int8 rows has the same bits on all of them.
 *
 * <p>{@link io.github.dl4jmemory.ops.MemoryOps} is the door for arrays. Its methods check every
 * argument, bring views into contiguous order, and call the kernels that {@link
 * io.github.dl4jmemory.ops.KernelChoice} made at the first call: the native ones where the library
 * can be loaded, the portable ones elsewhere, or those that the system property {@code
 * dl4jmemory.kernels} demands. The choice is logged once, with its reason.
 *
 * <p>{@link io.github.dl4jmemory.ops.SDMemory} is the door for SameDiff graphs. SameDiff runs only
 * ops that libnd4j knows: the native library registers its own in the libnd4jcpu that ND4J has
 * loaded, after it has compared that library with the release that it was built for. The op classes
 * of this package are public because SameDiff makes them by reflection.
 */
package io.github.dl4jmemory.ops;

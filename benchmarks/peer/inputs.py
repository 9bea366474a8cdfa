"""The inputs of both sides, bit for bit those of Inputs.java: element i depends on seed and i alone."""

import numpy

SETS = 8
CHUNK = 1 << 24


def mix(seed, start, stop):
    """A well mixed 32-bit number for each index in [start, stop)."""
    x = numpy.arange(start, stop, dtype=numpy.uint64).astype(numpy.uint32)
    x *= numpy.uint32(0x9E3779B1)
    x += numpy.uint32(seed * 0x85EBCA6B & 0xFFFFFFFF)
    x ^= x >> 16
    x *= numpy.uint32(0x7FEB352D)
    x ^= x >> 15
    x *= numpy.uint32(0x846CA68B)
    x ^= x >> 16
    return x


def fill(out, seed):
    """Fills a float32 array with uniform numbers in [-1, 1), on a grid of 2^-23."""
    flat = out.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        stop = min(start + CHUNK, flat.size)
        part = (mix(seed, start, stop) >> 8).astype(numpy.float32)
        part *= numpy.float32(2.0**-23)
        part -= numpy.float32(1)
        flat[start:stop] = part


def sets(slots, accesses):
    """Sets of distinct slots that are made and used in turn."""
    return min(SETS, slots // accesses)


def slot_set(slots, accesses, which):
    """The slots of one set: distinct, spread over the whole table."""
    mask = slots - 1
    half = bin(mask).count("1") // 2
    x = numpy.arange(which * accesses, (which + 1) * accesses, dtype=numpy.int64)
    x = x * 0x9E3779B1 & mask
    x ^= x >> half
    x = x * 0x85EBCA6B & mask
    return x ^ x >> half


if __name__ == "__main__":
    print([format(number, "x") for number in mix(3, 0, 4)])

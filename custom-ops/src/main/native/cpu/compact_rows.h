// A row of a table to float32 and back: back with stochastic rounding by the bits of (seed, row, column), see RowBits.java.
//
//   bfloat16  16 random bits are added below the mantissa, and the sum is cut; no finite number becomes infinite
//   int8      scale = max |row| / 127 (NaN unless all are finite); value = floor(row / scale + u), u of 24 random bits
//
// Files that include this are compiled without contraction of a*b+c: the same bits on every tier and in Java. Every loop is
// one that the compiler turns into vectors.
#pragma once
#include "row_bits.h"
#include "stored.h"

namespace dm {
namespace DM_TIER {

typedef uint32_t __attribute__((may_alias)) FloatBits;
constexpr uint32_t kMagnitude = 0x7FFFFFFF, kInfinity = 0x7F800000;

template <class E>
struct TableOfRows {
  E *values;
  float *scales;
  int64_t valueSize;

  DM_INLINE E *at(int64_t row) const { return values + row * valueSize; }

  DM_INLINE void prefetch(int64_t row) const {
    prefetch_write(at(row), valueSize * int64_t(sizeof(E)));
    if (sizeof(E) == 1) __builtin_prefetch(scales + row, 1, 3);
  }

  DM_INLINE void read(int64_t row, float *__restrict into) const {
    const E *__restrict from = at(row);
    const float scale = sizeof(E) == 1 ? scales[row] : 1.0f;
    for (int64_t c = 0; c < valueSize; c++) into[c] = sizeof(E) == 1 ? scale * decode(from[c]) : decode(from[c]);
  }

  // `random`: the bits of a row that is written, which stands at `row` in the table.
  DM_INLINE void write(int64_t row, const float *__restrict from, const RowBits &random) const;
};

template <>
DM_INLINE void TableOfRows<float>::write(int64_t row, const float *__restrict from, const RowBits &) const {
  __builtin_memcpy(at(row), from, size_t(valueSize) * sizeof(float));
}

template <>
DM_INLINE void TableOfRows<uint16_t>::write(int64_t row, const float *__restrict from, const RowBits &random) const {
  constexpr int32_t largest = 0x7F7F, nan = 0x7FC0;
  const FloatBits *__restrict bits = reinterpret_cast<const FloatBits *>(from);
  uint16_t *__restrict to = at(row);
  for (int64_t c = 0; c < valueSize; c++) {
    const uint32_t magnitude = bits[c] & kMagnitude, upper = bits[c] >> 16;
    const int32_t rounded = int32_t((magnitude + (random.at(c) >> 16)) >> 16);
    const uint32_t finite = (upper & 0x8000) | uint32_t(rounded < largest ? rounded : largest);
    const uint32_t other = magnitude == kInfinity ? upper : uint32_t(nan);
    to[c] = uint16_t(int32_t(magnitude) < int32_t(kInfinity) ? finite : other);
  }
}

template <>
DM_INLINE void TableOfRows<int8_t>::write(int64_t row, const float *__restrict from, const RowBits &random) const {
  const FloatBits *__restrict bits = reinterpret_cast<const FloatBits *>(from);
  int8_t *__restrict to = at(row);
  const int64_t length = valueSize;  // a store through int8_t could be one to the member
  int32_t top = 0;
  for (int64_t c = 0; c < length; c++) top = most(top, int32_t(bits[c] & kMagnitude));
  float largest;
  __builtin_memcpy(&largest, &top, sizeof largest);
  const float scale = top < int32_t(kInfinity) ? largest / 127.0f : __builtin_nanf("");
  scales[row] = scale;
  if (!(scale > 0)) {
    __builtin_memset(to, 0, size_t(valueSize));
    return;
  }
  for (int64_t c = 0; c < length; c++) {
    const float x = from[c] / scale;
    int32_t whole = int32_t(x);
    whole -= float(whole) > x;
    whole += float(int32_t(random.at(c) >> 8)) * 0x1p-24f < x - float(whole);
    to[c] = int8_t(whole < -127 ? -127 : whole > 127 ? 127 : whole);
  }
}

template <class E>
E stored_type(const E *);  // declared only

// work(table) with the table of the rows as what a dm_storage says that they are.
template <class Work>
DM_INLINE auto for_rows(int32_t storage, const void *values, const float *scales, int64_t valueSize, const Work &work) {
  return for_storage(storage, values, [&](auto *stored) {
    typedef decltype(stored_type(stored)) E;
    return work(TableOfRows<E>{const_cast<E *>(stored), const_cast<float *>(scales), valueSize});
  });
}

}  // namespace DM_TIER
}  // namespace dm

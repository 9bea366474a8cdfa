// A table of compact rows in plain loops, with its own hash and rounding: what the kernels must have the bits of.
#pragma once
#include <algorithm>
#include <cstring>
#include <limits>

#include "../kernels.h"
#include "check.h"

inline uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

inline uint32_t random_of(uint64_t seed, int64_t row, int64_t column) {
  const uint64_t golden = 0x9E3779B97F4A7C15ull, key = mix(mix(seed + golden) + uint64_t(row) * golden);
  uint32_t x = uint32_t(column) + uint32_t(key);
  x ^= x >> 16;
  x = x * 0x7FEB352Du + uint32_t(key >> 32);
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ (x >> 16);
}

inline uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

inline bool same_with_nan(const Array<float> &a, const Array<float> &b) {
  return !memcmp(a.data(), b.data(), size_t(a.size()) * sizeof(float));
}

// A table in plain loops.
struct Table {
  Table(int32_t kind, int64_t slotCount, int64_t size)
      : storage(kind), slots(slotCount), valueSize(size), floats(kind == DM_FLOAT32 ? slots * size : 0),
        halves(kind == DM_BFLOAT16 ? slots * size : 0), bytes(kind == DM_INT8 ? slots * size : 0),
        scales(kind == DM_INT8 ? slots : 0, 0.5f) {}

  void *values() {
    if (storage == DM_FLOAT32) return floats.data();
    return storage == DM_BFLOAT16 ? static_cast<void *>(halves.data()) : static_cast<void *>(bytes.data());
  }

  float read(int64_t row, int64_t column) const {
    const int64_t at = row * valueSize + column;
    if (storage == DM_FLOAT32) return floats[at];
    return storage == DM_BFLOAT16 ? float_of(uint32_t(halves[at]) << 16) : scales[row] * float(bytes[at]);
  }

  void write(int64_t row, const float *source, uint64_t seed) {
    float largest = 0;
    bool finite = true;
    for (int64_t c = 0; c < valueSize; c++) {
      largest = std::fmax(largest, std::fabs(source[c]));
      finite = finite && std::isfinite(source[c]);
    }
    if (storage == DM_INT8) scales[row] = finite ? largest / 127 : std::numeric_limits<float>::quiet_NaN();
    for (int64_t c = 0; c < valueSize; c++) {
      const int64_t at = row * valueSize + c;
      const uint32_t random = random_of(seed, row, c);
      if (storage == DM_FLOAT32) floats[at] = source[c];
      if (storage == DM_BFLOAT16) halves[at] = half(source[c], random);
      if (storage == DM_INT8) bytes[at] = finite && scales[row] > 0 ? byte(source[c] / scales[row], random) : int8_t(0);
    }
  }

  bool same_bits(const Table &other) const {
    return same_with_nan(floats, other.floats) && halves.same_bits(other.halves) && bytes.same_bits(other.bytes) &&
           same_with_nan(scales, other.scales) && sentries_stand();
  }
  bool sentries_stand() const {
    return floats.sentries_stand() && halves.sentries_stand() && bytes.sentries_stand() && scales.sentries_stand();
  }

  int32_t storage;
  int64_t slots, valueSize;
  Array<float> floats;
  Array<uint16_t> halves;
  Array<int8_t> bytes;
  Array<float> scales;

 private:
  static uint16_t half(float x, uint32_t random) {
    if (std::isnan(x)) return 0x7FC0;
    if (std::isinf(x)) return uint16_t(bits_of(x) >> 16);
    const uint32_t magnitude = bits_of(std::fabs(x)) + random / 65536;
    return uint16_t((std::signbit(x) ? 0x8000 : 0) + std::min(magnitude / 65536, 0x7F7Fu));
  }
  static int8_t byte(float x, uint32_t random) {
    const float whole = std::floor(x), part = x - whole;
    const float up = double(random / 256) / (1 << 24) < double(part) ? 1.0f : 0.0f;
    return int8_t(std::fmax(-127.0f, std::fmin(127.0f, whole + up)));
  }
};

inline Array<int64_t> all_rows(int64_t count) {
  Array<int64_t> rows(count);
  for (int64_t r = 0; r < count; r++) rows[r] = r;
  return rows;
}

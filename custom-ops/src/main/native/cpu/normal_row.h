// Normal numbers of (seed, row, column), without state: those of NormalRow.java, whose head gives the method.
#pragma once
#include "adam.h"
#include "row_bits.h"

namespace dm {
namespace DM_TIER {

constexpr int64_t kNormalBlock = 16, kNormalHalf = kNormalBlock / 2;

// Of a number in (0, 1].
DM_INLINE float log_of(float u) {
  constexpr int32_t rootHalf = 0x3F3504F3;
  int32_t bits;
  __builtin_memcpy(&bits, &u, sizeof bits);
  const int32_t shifted = bits - rootHalf, mantissaBits = (shifted & 0x7FFFFF) + rootHalf;
  float mantissa;
  __builtin_memcpy(&mantissa, &mantissaBits, sizeof mantissa);
  const float s = (mantissa - 1) / (mantissa + 1), z = s * s;
  const float series = 2 + z * (2.0f / 3 + z * (2.0f / 5 + z * (2.0f / 7 + z * (2.0f / 9))));
  return float(shifted >> 23) * float(0.6931471805599453) + s * series;
}

DM_INLINE float sine_of(float x, float z) {
  return x * (1 + z * (-1.0f / 6 + z * (1.0f / 120 + z * (-1.0f / 5040 + z * (1.0f / 362880)))));
}
DM_INLINE float cosine_of(float z) { return 1 + z * (-1.0f / 2 + z * (1.0f / 24 + z * (-1.0f / 720 + z * (1.0f / 40320)))); }

// One of two numbers, and its sign changed, without a branch: pick 0 or ~0, sign 0 or 1 << 31.
DM_INLINE float picked(float x, float y, uint32_t pick, uint32_t sign) {
  uint32_t first, second;
  __builtin_memcpy(&first, &x, sizeof first);
  __builtin_memcpy(&second, &y, sizeof second);
  const uint32_t bits = ((first & ~pick) | (second & pick)) ^ sign;
  float result;
  __builtin_memcpy(&result, &bits, sizeof result);
  return result;
}

// into: whole blocks of 16 from a multiple of 16; the caller has room for them.
DM_INLINE void normal_row(uint64_t seed, int64_t row, float deviation, int64_t valueSize, float *__restrict into) {
  const RowBits random(seed, row);
  for (int64_t block = 0; block < valueSize; block += kNormalBlock) {
    for (int64_t j = 0; j < kNormalHalf; j++) {
      const uint32_t a = random.at(block + j), b = random.at(block + j + kNormalHalf);
      const float radius = root(-2.0f * log_of((float(int32_t(a >> 1)) + 0.5f) * 0x1p-31f));
      const float x = float(int32_t(b << 2)) * float(3.14159265358979323846 / 4 * 0x1p-31), z = x * x;
      const float sine = sine_of(x, z), cosine = cosine_of(z);
      const uint32_t quadrant = b >> 30, swap = 0 - (quadrant & 1);
      into[block + j] = deviation * (radius * picked(cosine, sine, swap, (quadrant + 1) >> 1 << 31));
      into[block + j + kNormalHalf] = deviation * (radius * picked(sine, cosine, swap, quadrant >> 1 << 31));
    }
  }
}

}  // namespace DM_TIER
}  // namespace dm

// What a table stores, as the numbers that are computed with: float and double as they are, bfloat16 as uint16_t (the upper
// half of a float32), int8 as int8_t (times the scale of its row, which is the caller's business).
#pragma once
#include "../kernels.h"
#include "simd.h"

namespace dm {
namespace DM_TIER {

template <class E>
struct Stored {
  typedef E number;
};
template <>
struct Stored<uint16_t> {
  typedef float number;
};
template <>
struct Stored<int8_t> {
  typedef float number;
};
template <class E>
using Number = typename Stored<E>::number;

DM_INLINE double decode(double x) { return x; }
DM_INLINE float decode(float x) { return x; }
DM_INLINE float decode(int8_t x) { return float(x); }
DM_INLINE float decode(uint16_t x) {
  const uint32_t bits = uint32_t(x) << 16;
  float number;
  __builtin_memcpy(&number, &bits, sizeof number);
  return number;
}

DM_INLINE Vec<double> decode_vector(const double *p) { return load(p); }
DM_INLINE Vec<float> decode_vector(const float *p) { return load(p); }
#if defined(__AVX2__)
DM_INLINE Vec<float> decode_vector(const uint16_t *p) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
  return (Vec<float>)_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16);
}
DM_INLINE Vec<float> decode_vector(const int8_t *p) {
  const __m128i x = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(p));
  return (Vec<float>)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(x));
}
#elif defined(__SSE2__)
DM_INLINE Vec<float> decode_vector(const uint16_t *p) {
  const __m128i x = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(p));
  return (Vec<float>)_mm_unpacklo_epi16(_mm_setzero_si128(), x);
}
DM_INLINE Vec<float> decode_vector(const int8_t *p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const __m128i x = _mm_cvtsi32_si128(four), twice = _mm_unpacklo_epi8(x, x);
  return (Vec<float>)_mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(twice, twice), 24));
}
#else
template <class E>
DM_INLINE Vec<float> decode_vector(const E *p) {
  Vec<float> v;
  for (int i = 0; i < kLanes<float>; i++) v[i] = decode(p[i]);
  return v;
}
#endif

// work(values) with the values as what a dm_storage says that they are.
template <class Work>
DM_INLINE auto for_storage(int32_t storage, const void *values, const Work &work) {
  switch (storage) {
    case DM_BFLOAT16:
      return work(static_cast<const uint16_t *>(values));
    case DM_INT8:
      return work(static_cast<const int8_t *>(values));
    default:
      return work(static_cast<const float *>(values));
  }
}

}  // namespace DM_TIER
}  // namespace dm

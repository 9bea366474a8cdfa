// Vectors of one tier: 64 bytes with AVX-512, 32 bytes with AVX2, 16 bytes otherwise, on GCC vector types so that the same
// source is the portable version too. Everything lives in namespace dm::DM_TIER, and the tiered files use no function template of the standard
// library: a template compiled with -mavx2 must never be the copy that the linker keeps for the baseline tier.
#pragma once
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef DM_TIER
#error "DM_TIER names the tier that this file is compiled for (avx512, avx2 or baseline)"
#endif
#define DM_INLINE inline __attribute__((always_inline))

namespace dm {
namespace DM_TIER {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes)));
  typedef int32_t mask __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes)));
  typedef int64_t mask __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vec = typename VectorOf<T>::type;
template <class T>
using Mask = typename VectorOf<T>::mask;
template <class T>
constexpr int kLanes = kVectorBytes / int(sizeof(T));
template <class T>
constexpr int64_t kLine = 64 / int64_t(sizeof(T));  // values of a cache line

template <class T>
DM_INLINE constexpr T least(T a, T b) {
  return b < a ? b : a;
}
template <class T>
DM_INLINE constexpr T most(T a, T b) {
  return a < b ? b : a;
}

template <class T>
DM_INLINE Vec<T> load(const T *p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
DM_INLINE void store(T *p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

#if defined(__AVX512F__)
DM_INLINE Vec<float> splat(float x) { return (Vec<float>)_mm512_set1_ps(x); }
DM_INLINE Vec<double> splat(double x) { return (Vec<double>)_mm512_set1_pd(x); }
DM_INLINE Vec<float> larger(Vec<float> a, Vec<float> b) { return (Vec<float>)_mm512_max_ps((__m512)a, (__m512)b); }
DM_INLINE Vec<double> larger(Vec<double> a, Vec<double> b) { return (Vec<double>)_mm512_max_pd((__m512d)a, (__m512d)b); }
DM_INLINE unsigned bits(Mask<float> m) { return _mm512_movepi32_mask((__m512i)m); }
DM_INLINE unsigned bits(Mask<double> m) { return _mm512_movepi64_mask((__m512i)m); }
#elif defined(__AVX2__)
DM_INLINE Vec<float> splat(float x) { return (Vec<float>)_mm256_set1_ps(x); }
DM_INLINE Vec<double> splat(double x) { return (Vec<double>)_mm256_set1_pd(x); }
DM_INLINE Vec<float> larger(Vec<float> a, Vec<float> b) { return (Vec<float>)_mm256_max_ps((__m256)a, (__m256)b); }
DM_INLINE Vec<double> larger(Vec<double> a, Vec<double> b) { return (Vec<double>)_mm256_max_pd((__m256d)a, (__m256d)b); }
DM_INLINE unsigned bits(Mask<float> m) { return unsigned(_mm256_movemask_ps((__m256)m)); }
DM_INLINE unsigned bits(Mask<double> m) { return unsigned(_mm256_movemask_pd((__m256d)m)); }
#elif defined(__SSE2__)
DM_INLINE Vec<float> splat(float x) { return (Vec<float>)_mm_set1_ps(x); }
DM_INLINE Vec<double> splat(double x) { return (Vec<double>)_mm_set1_pd(x); }
DM_INLINE Vec<float> larger(Vec<float> a, Vec<float> b) { return (Vec<float>)_mm_max_ps((__m128)a, (__m128)b); }
DM_INLINE Vec<double> larger(Vec<double> a, Vec<double> b) { return (Vec<double>)_mm_max_pd((__m128d)a, (__m128d)b); }
DM_INLINE unsigned bits(Mask<float> m) { return unsigned(_mm_movemask_ps((__m128)m)); }
DM_INLINE unsigned bits(Mask<double> m) { return unsigned(_mm_movemask_pd((__m128d)m)); }
#else
template <class T>
DM_INLINE auto splat(T x) -> Vec<T> {
  Vec<T> v;
  for (int i = 0; i < kLanes<T>; i++) v[i] = x;
  return v;
}
DM_INLINE Vec<float> larger(Vec<float> a, Vec<float> b) { return a > b ? a : b; }
DM_INLINE Vec<double> larger(Vec<double> a, Vec<double> b) { return a > b ? a : b; }
template <class M>
DM_INLINE unsigned bits(M m) {
  unsigned set = 0;
  for (unsigned i = 0; i < sizeof(M) / sizeof(m[0]); i++) set |= unsigned(m[i] & 1) << i;
  return set;
}
#endif

#if defined(__AVX512F__)
// Two quarters (of 16 bytes) of a, then two of b.
template <int quarters, class V>
DM_INLINE V pick(V a, V b) {
  return (V)_mm512_shuffle_f32x4((__m512)a, (__m512)b, quarters);
}
constexpr int kEven = 0x88, kOdd = 0xDD;  // quarters 0 and 2, 1 and 3, of each
#endif

// Horizontal sums of kLanes vectors at once: lane i of the result is the sum of all lanes of v[i].
#if defined(__AVX512F__)
// Quarter q of the result: the sum of the quarters of the q-th vector.
template <class V>
DM_INLINE V sums_of_quarters(V x, V y, V z, V w) {
  const V low = pick<kEven>(x, y) + pick<kOdd>(x, y), high = pick<kEven>(z, w) + pick<kOdd>(z, w);
  return pick<kEven>(low, high) + pick<kOdd>(low, high);
}
DM_INLINE Vec<float> sums(Vec<float> *v) {
  Vec<float> quad[4];
  for (int i = 0; i < 4; i++) {
    Vec<float> pair[2];
    for (int j = 0; j < 2; j++) {
      const __m512 a = (__m512)v[4 * i + 2 * j], b = (__m512)v[4 * i + 2 * j + 1];
      pair[j] = (Vec<float>)_mm512_unpacklo_ps(a, b) + (Vec<float>)_mm512_unpackhi_ps(a, b);
    }
    const __m512d a = (__m512d)pair[0], b = (__m512d)pair[1];
    quad[i] = (Vec<float>)_mm512_unpacklo_pd(a, b) + (Vec<float>)_mm512_unpackhi_pd(a, b);
  }
  return sums_of_quarters(quad[0], quad[1], quad[2], quad[3]);
}
DM_INLINE Vec<double> sums(Vec<double> *v) {
  Vec<double> pair[4];
  for (int i = 0; i < 4; i++) {
    const __m512d a = (__m512d)v[2 * i], b = (__m512d)v[2 * i + 1];
    pair[i] = (Vec<double>)_mm512_unpacklo_pd(a, b) + (Vec<double>)_mm512_unpackhi_pd(a, b);
  }
  return sums_of_quarters(pair[0], pair[1], pair[2], pair[3]);
}
#elif defined(__AVX2__)
DM_INLINE Vec<float> sums(Vec<float> *v) {
  auto add = [](Vec<float> a, Vec<float> b) { return (Vec<float>)_mm256_hadd_ps((__m256)a, (__m256)b); };
  Vec<float> low = add(add(v[0], v[1]), add(v[2], v[3])), high = add(add(v[4], v[5]), add(v[6], v[7]));
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(low, high, 4, 5, 6, 7, 12, 13, 14, 15);
}
DM_INLINE Vec<double> sums(Vec<double> *v) {
  auto add = [](Vec<double> a, Vec<double> b) { return (Vec<double>)_mm256_hadd_pd((__m256d)a, (__m256d)b); };
  Vec<double> low = add(v[0], v[1]), high = add(v[2], v[3]);
  return __builtin_shufflevector(low, high, 0, 1, 4, 5) + __builtin_shufflevector(low, high, 2, 3, 6, 7);
}
#else
DM_INLINE Vec<float> sums(Vec<float> *v) {
  auto add = [](Vec<float> a, Vec<float> b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
  };
  return add(add(v[0], v[1]), add(v[2], v[3]));
}
DM_INLINE Vec<double> sums(Vec<double> *v) {
  return __builtin_shufflevector(v[0], v[1], 0, 2) + __builtin_shufflevector(v[0], v[1], 1, 3);
}
#endif

// Transposes the square of kLanes vectors.
#if defined(__AVX512F__)
// From quarter q of x, y, z, w to the q-th of four results that stand `step` apart.
template <class V>
DM_INLINE void transpose_quarters(V x, V y, V z, V w, V *to, int step) {
  const V even[2] = {pick<kEven>(x, y), pick<kEven>(z, w)}, odd[2] = {pick<kOdd>(x, y), pick<kOdd>(z, w)};
  to[0] = pick<kEven>(even[0], even[1]);
  to[step] = pick<kEven>(odd[0], odd[1]);
  to[2 * step] = pick<kOdd>(even[0], even[1]);
  to[3 * step] = pick<kOdd>(odd[0], odd[1]);
}
DM_INLINE void transpose(Vec<float> *v) {
  Vec<float> a[16];
  for (int i = 0; i < 16; i += 4) {
    const __m512 *r = (const __m512 *)v + i;
    const __m512d low[2] = {(__m512d)_mm512_unpacklo_ps(r[0], r[1]), (__m512d)_mm512_unpacklo_ps(r[2], r[3])};
    const __m512d high[2] = {(__m512d)_mm512_unpackhi_ps(r[0], r[1]), (__m512d)_mm512_unpackhi_ps(r[2], r[3])};
    a[i] = (Vec<float>)_mm512_unpacklo_pd(low[0], low[1]);
    a[i + 1] = (Vec<float>)_mm512_unpackhi_pd(low[0], low[1]);
    a[i + 2] = (Vec<float>)_mm512_unpacklo_pd(high[0], high[1]);
    a[i + 3] = (Vec<float>)_mm512_unpackhi_pd(high[0], high[1]);
  }
  for (int j = 0; j < 4; j++) transpose_quarters(a[j], a[4 + j], a[8 + j], a[12 + j], v + j, 4);
}
DM_INLINE void transpose(Vec<double> *v) {
  Vec<double> a[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = (Vec<double>)_mm512_unpacklo_pd((__m512d)v[i], (__m512d)v[i + 1]);
    a[i + 1] = (Vec<double>)_mm512_unpackhi_pd((__m512d)v[i], (__m512d)v[i + 1]);
  }
  for (int j = 0; j < 2; j++) transpose_quarters(a[j], a[2 + j], a[4 + j], a[6 + j], v + j, 2);
}
#elif defined(__AVX2__)
DM_INLINE void transpose(Vec<float> *v) {
  Vec<float> a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; j++) {
      b[i + 2 * j] = __builtin_shufflevector(a[i + j], a[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      b[i + 2 * j + 1] = __builtin_shufflevector(a[i + j], a[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; i++) {
    v[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    v[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}
DM_INLINE void transpose(Vec<double> *v) {
  Vec<double> a[4];
  for (int i = 0; i < 4; i += 2) {
    a[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 4, 2, 6);
    a[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 1, 5, 3, 7);
  }
  for (int i = 0; i < 2; i++) {
    v[i] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 4, 5);
    v[i + 2] = __builtin_shufflevector(a[i], a[i + 2], 2, 3, 6, 7);
  }
}
#else
DM_INLINE void transpose(Vec<float> *v) {
  Vec<float> a[4];
  for (int i = 0; i < 4; i += 2) {
    a[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 4, 1, 5);
    a[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 2, 6, 3, 7);
  }
  v[0] = __builtin_shufflevector(a[0], a[2], 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a[0], a[2], 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(a[1], a[3], 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(a[1], a[3], 2, 3, 6, 7);
}
DM_INLINE void transpose(Vec<double> *v) {
  const Vec<double> low = __builtin_shufflevector(v[0], v[1], 0, 2);
  v[1] = __builtin_shufflevector(v[0], v[1], 1, 3);
  v[0] = low;
}
#endif

template <class T>
DM_INLINE T sum(Vec<T> v) {
  T s = v[0];
  for (int i = 1; i < kLanes<T>; i++) s += v[i];
  return s;
}

// Asks for the cache lines of [p, p + bytes) without waiting for them.
DM_INLINE void prefetch_read(const void *p, int64_t bytes) {
  const char *c = static_cast<const char *>(p);
  for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(c + at, 0, 3);
}
DM_INLINE void prefetch_write(const void *p, int64_t bytes) {
  const char *c = static_cast<const char *>(p);
  for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(c + at, 1, 3);
}

}  // namespace DM_TIER
}  // namespace dm

// Many rows of a group times some rows of its matrix, in tiles of registers: the part of grouped_matmul for eight rows and more
// where there are 32 registers of 64 bytes.
//
// Eight rows of the matrix at a time; two vectors of their columns meet all rows of the group before the next two do. The rows
// of the group are packed first, and sums stand in a buffer strip by strip: where rows stand a multiple of 4 KiB apart, they push
// one another out of the first cache (a matrix of 4168 x 1024 and 16 rows: 1.5 ms, and 0.74 so, as without such a distance).
#pragma once
#include "simd.h"

namespace dm {
namespace DM_TIER {

constexpr int kMatrixRows = 8;       // at a time
constexpr int kTileHeight = 8;       // rows of the group in a tile
constexpr int kTileVectors = 2;      // vectors of columns of a tile
constexpr int64_t kMostRows = 64;    // of the group: packed, they take up a part of the first cache
constexpr int64_t kSumBytes = 65536; // of sums, on the stack

// A part of the columns of one group's product.
template <class T>
struct Product {
  const T *rows;
  int64_t nIn;
  const T *weights;  // from the first column of the part
  int64_t nOut;
  int64_t columns;  // of the part
  T *out;           // likewise
};

// packed = `inner` values of each row: tiles of R rows as [inner][R], then those of R / 2, and so on.
template <class T, int R>
void pack_rows(const T *rows, int64_t nIn, int64_t count, int64_t inner, T *packed) {
  int64_t row = 0;
  for (; row + R <= count; row += R) {
    for (int r = 0; r < R; r++) {
      for (int64_t k = 0; k < inner; k++) packed[row * inner + k * R + r] = rows[(row + r) * nIn + k];
    }
  }
  if constexpr (R > 1) pack_rows<T, R / 2>(rows + row * nIn, nIn, count - row, inner, packed + row * inner);
}

// out[R][V vectors] = (or +=) x . w, with x as [inner][R]; rows of w and of out stand so far apart.
template <class T, int R, int V>
DM_INLINE void matmul_tile(const T *x, const T *w, int64_t wStep, int64_t inner, bool assign, T *out, int64_t outStep) {
  Vec<T> sum[R][V] = {};
  if (!assign) {
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      for (int v = 0; v < V; v++) sum[r][v] = load(out + r * outStep + v * kLanes<T>);
    }
  }
#pragma GCC unroll 1
  for (int64_t k = 0; k < inner; k++) {
    Vec<T> weight[V];
    for (int v = 0; v < V; v++) weight[v] = load(w + k * wStep + v * kLanes<T>);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Vec<T> value = splat(x[k * R + r]);
      for (int v = 0; v < V; v++) sum[r][v] += value * weight[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < V; v++) store(out + r * outStep + v * kLanes<T>, sum[r][v]);
  }
}

// The same for `count` rows, packed.
template <class T, int R, int V>
DM_INLINE void matmul_rows(const T *packed, int64_t count, const T *w, int64_t wStep, int64_t inner, bool assign, T *out,
                           int64_t outStep) {
  int64_t row = 0;
  for (; row + R <= count; row += R) {
    matmul_tile<T, R, V>(packed + row * inner, w, wStep, inner, assign, out + row * outStep, outStep);
  }
  if constexpr (R > 1) {
    matmul_rows<T, R / 2, V>(packed + row * inner, count - row, w, wStep, inner, assign, out + row * outStep, outStep);
  }
}

// The last columns, fewer than a vector: through one that zeros fill up.
template <class T>
void matmul_rest(const T *packed, int64_t count, const T *w, int64_t wStep, int64_t inner, bool assign, int64_t columns, T *out,
                 int64_t outStep) {
  T weights[kMatrixRows * kLanes<T>] = {}, sums[kMostRows * kLanes<T>] = {};
  for (int64_t k = 0; k < inner; k++) {
    for (int64_t c = 0; c < columns; c++) weights[k * kLanes<T> + c] = w[k * wStep + c];
  }
  for (int64_t r = 0; r < count && !assign; r++) {
    for (int64_t c = 0; c < columns; c++) sums[r * kLanes<T> + c] = out[r * outStep + c];
  }
  matmul_rows<T, kTileHeight, 1>(packed, count, weights, kLanes<T>, inner, assign, sums, kLanes<T>);
  for (int64_t r = 0; r < count; r++) {
    for (int64_t c = 0; c < columns; c++) out[r * outStep + c] = sums[r * kLanes<T> + c];
  }
}

// out = a strip of V vectors, whose rows stand together.
template <class T, int V>
DM_INLINE void write_strip(const T *strip, int64_t count, T *out, int64_t outStep) {
  for (int64_t r = 0; r < count; r++) {
    for (int v = 0; v < V; v++) store(out + r * outStep + v * kLanes<T>, load(strip + (r * V + v) * kLanes<T>));
  }
}

// The part for rows [from, from + count), at most kMostRows; their sums take up kSumBytes at most. ask: for the rows of the matrix
// that come next.
template <class T>
void matmul_part(const Product<T> &p, int64_t from, int64_t count, bool ask) {
  constexpr int64_t lanes = kLanes<T>, width = kTileVectors * lanes;
  T packed[kMostRows * kMatrixRows];
  alignas(64) T sums[kSumBytes / sizeof(T)];
  T *out = p.out + from * p.nOut;
  for (int64_t k = 0; k < p.nIn; k += kMatrixRows) {
    const int64_t inner = least(int64_t(kMatrixRows), p.nIn - k);
    const int64_t coming = ask ? least(int64_t(kMatrixRows), p.nIn - k - inner) : 0;
    const T *weights = p.weights + k * p.nOut;
    pack_rows<T, kTileHeight>(p.rows + from * p.nIn + k, p.nIn, count, inner, packed);
    int64_t c = 0;
    for (; c + width <= p.columns; c += width) {
      for (int64_t i = 0; i < coming; i++) prefetch_read(weights + (inner + i) * p.nOut + c, width * int64_t(sizeof(T)));
      matmul_rows<T, kTileHeight, kTileVectors>(packed, count, weights + c, p.nOut, inner, k == 0, sums + c * count, width);
    }
    for (; c + lanes <= p.columns; c += lanes) {
      matmul_rows<T, kTileHeight, 1>(packed, count, weights + c, p.nOut, inner, k == 0, sums + c * count, lanes);
    }
    if (c < p.columns) matmul_rest(packed, count, weights + c, p.nOut, inner, k == 0, p.columns - c, out + c, p.nOut);
  }
  int64_t c = 0;
  for (; c + width <= p.columns; c += width) write_strip<T, kTileVectors>(sums + c * count, count, out + c, p.nOut);
  for (; c + lanes <= p.columns; c += lanes) write_strip<T, 1>(sums + c * count, count, out + c, p.nOut);
}

}  // namespace DM_TIER
}  // namespace dm

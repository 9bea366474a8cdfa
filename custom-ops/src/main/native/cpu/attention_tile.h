// Tiles of an attention: blocks of queries, packed rows and panels, and the products that forward and backward are made of.
//
// Head sizes are padded with zeros to whole tiles, so that no product has a tail.
#pragma once
#include "half_scores.h"
#include "scratch.h"
#include "simd.h"

namespace dm {
namespace DM_TIER {

constexpr int64_t kQueries = 4 * kTileRows;  // of a block
constexpr int64_t kKeys = 96;                // of a tile of scores: whole tiles of rows and of columns; 9 KiB of floats

// The next multiple of a tile's columns.
template <class T>
DM_INLINE int64_t whole_tiles(int64_t columns) {
  return (columns + kTileColumns<T> - 1) / kTileColumns<T> * kTileColumns<T>;
}

// Rows that stand `step` values apart.
template <class T>
struct Rows {
  T *from;
  int64_t step;
  T *at(int64_t i) const { return from + i * step; }
};

// to[width] = factor * from[count], zeros behind.
template <class T>
void pad_row(const T *from, int64_t count, int64_t width, T factor, T *to) {
  for (int64_t c = 0; c < count; c++) to[c] = from[c] * factor;
  for (int64_t c = count; c < width; c++) to[c] = T(0);
}

// c[kRows][2 vectors] += a . b, where a[r][k] stands at a[r * rowStep + k * depthStep], rows of b and c `columns` apart.
template <class T, int kRows>
DM_INLINE void add_tile(const T *a, int64_t rowStep, int64_t depthStep, const T *b, int64_t depth, int64_t columns, T *c) {
  Vec<T> sum[kRows][2];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; r++) {
    sum[r][0] = load(c + r * columns);
    sum[r][1] = load(c + r * columns + kLanes<T>);
  }
  for (int64_t k = 0; k < depth; k++) {
    const Vec<T> left = load(b + k * columns), right = load(b + k * columns + kLanes<T>);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; r++) {
      const Vec<T> x = splat(a[r * rowStep + k * depthStep]);
      sum[r][0] += x * left;
      sum[r][1] += x * right;
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; r++) {
    store(c + r * columns, sum[r][0]);
    store(c + r * columns + kLanes<T>, sum[r][1]);
  }
}

// c[rows][columns] += a . b, with a as in add_tile. rows: a multiple of 6; columns: whole tiles, as far apart in b and c as
// there are columns.
template <class T>
DM_INLINE void add_product(const T *a, int64_t rowStep, int64_t depthStep, const T *b, int64_t depth, int64_t rows,
                           int64_t columns, T *c) {
  constexpr int most_rows = kTilesAtOnce * kTileRows;
  for (int64_t column = 0; column < columns; column += kTileColumns<T>) {
    int64_t row = 0;
    for (; row + most_rows <= rows; row += most_rows) {
      add_tile<T, most_rows>(a + row * rowStep, rowStep, depthStep, b + column, depth, columns, c + row * columns + column);
    }
    if constexpr (kTilesAtOnce > 1) {
      for (; row < rows; row += kTileRows) {
        add_tile<T, kTileRows>(a + row * rowStep, rowStep, depthStep, b + column, depth, columns, c + row * columns + column);
      }
    }
  }
}

// A block of queries, or of their gradients: as tiles, for products with panels, and as rows.
template <class T>
struct Block {
  T *tiles, *rows;
  int64_t width;

  static int64_t bytes(int64_t width) { return 2 * Scratch::bytes<T>(kQueries * width); }

  void take(Scratch &scratch, int64_t rowWidth) {
    width = rowWidth;
    tiles = scratch.take<T>(kQueries * width);
    rows = scratch.take<T>(kQueries * width);
  }

  // Rows [first, first + count) of `from`, times factor; zeros behind.
  void pack(Rows<const T> from, int64_t first, int64_t count, int64_t headSize, T factor) {
    for (int64_t r = 0; r < kQueries; r++) {
      T *row = rows + r * width;
      pad_row(from.at(first + (r < count ? r : 0)), r < count ? headSize : 0, width, factor, row);
      T *tile = tiles + r / kTileRows * width * kTileRows + r % kTileRows;
      for (int64_t c = 0; c < width; c++) tile[c * kTileRows] = row[c];
    }
  }

  // products[24][kKeys] = this . panels of so many keys; whole panels.
  DM_INLINE void times(const T *panels, int64_t keys, T *products) const {
    for (int64_t key = 0; key < keys; key += kTileColumns<T>) {
      score_rows(tiles, width * kTileRows, kQueries, panels + key * width, width, products + key, kKeys, false);
    }
  }
};

}  // namespace DM_TIER
}  // namespace dm
